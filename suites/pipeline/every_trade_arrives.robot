*** Settings ***
Documentation    Every trade that the exchange sends is in Kafka, in the lake and behind the API, and nothing else is.
...
...              This is the promise that all others stand on. Kafka promises at least once; the lake and the API
...              promise exactly once.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick


*** Test Cases ***
Twenty Thousand Trades Over Twenty Symbols Reach Every Hop
    [Documentation]    Each once in the lake and behind the API, at least once in Kafka, and nothing that was not sent.
    [Tags]    critical
    ...       defect-writer-drops-one-in-a-thousand
    ...       defect-writer-cuts-sub-seconds
    ...       defect-writer-invents-a-trade
    ...       defect-writer-keeps-the-last-row
    ...       defect-writer-retries-a-commit-that-succeeded
    ...       defect-writer-retries-a-drained-reader
    ...       defect-writer-stores-a-shadow
    ...       defect-api-mixes-a-neighbour-in
    Given the exchange lists 20 symbols for this test
    When 20000 trades are sent
    Then every hop holds every trade

The Hops Agree With Each Other
    [Documentation]    Says nothing of what was sent: Kafka, lake and API tell the same story, trade by trade.
    [Tags]    defect-writer-mixes-symbols
    Given the exchange lists 5 symbols for this test
    When 2000 trades are sent
    Then Hops Should Agree    kafka    lake    api

Every Symbol Keeps Its Order And Its Partition
    [Documentation]    Whoever consumes the topic may build state per symbol without sorting.
    [Tags]    critical    defect-feed-swaps-neighbours    defect-feed-inverts-the-side    defect-feed-omits-the-key
    Given the exchange lists 10 symbols for this test
    When 5000 trades are sent at 5000 a second
    Then every symbol keeps its order

The API Follows The Lake
    [Documentation]    What is in the table is behind the API at once: no cache stands between them for long.
    [Tags]    exclusive    defect-api-caches-too-long
    Given the exchange lists 2 symbols for this test
    And 50 trades are sent
    And every hop holds every trade
    When 50 trades are sent
    Then API Should Follow The Lake    within=4 s

A Busy Symbol Does Not Hold Up The Others
    [Documentation]    One symbol has 99 % of the flow; the quiet ones are visible while it still trades.
    [Tags]    exclusive    defect-feed-starves-quiet-symbols
    Given the exchange lists 10 symbols for this test
    When Start Sending Trades    24000    per_second=4000    busiest_share=0.99
    Then Quiet Symbols Should Be Visible During The Flow    within=3 s
    And the flow ends
    And every hop holds every trade
