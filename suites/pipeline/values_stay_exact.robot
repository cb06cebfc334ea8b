*** Settings ***
Documentation    A price is a decimal, not nearly one: values are numerically exact at every hop, and Kafka keeps the
...              venue's text to the letter.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick


*** Test Cases ***
Values Are Exact In Microseconds
    [Documentation]    8 and 18 decimals, 1e-8, 18 integer digits, trailing zeros, both sides, T different from E.
    [Tags]    critical
    ...       defect-feed-price-through-float
    ...       defect-writer-cuts-scale
    ...       defect-feed-trims-zeros
    ...       defect-writer-loses-digits-above-2-53
    Given the exchange lists 4 symbols for this test
    When Send Trades    2000    values=edge
    Then every hop holds every trade
    And Kafka Should Keep The Venue's Text

Values Are Exact In Milliseconds
    [Documentation]    The venue's default unit: times in whole milliseconds arrive as the same instants.
    [Tags]    exclusive    defect-feed-takes-ms-for-us
    Given the feed asks for times in milliseconds
    And the exchange lists 4 symbols for this test
    When Send Trades    1000    values=edge    time_unit=ms
    Then every hop holds every trade
    And Kafka Should Keep The Venue's Text
    [Teardown]    The feed asks for the time unit of its configuration

Event Time Is The Trade's Own Time
    [Documentation]    E comes up to 3 ms after T, never with it, so that one cannot pass for the other.
    [Tags]    defect-feed-takes-event-for-trade-time
    Given the exchange lists 2 symbols for this test
    When Send Trades    500    values=edge
    Then every hop holds every trade

Odd Symbols Keep Their Names
    [Documentation]    Long names, digits in front, quote currencies of three to five letters.
    [Tags]    defect-writer-cuts-long-symbols
    Given Lease Symbols    5    1000SATSFDUSD    1MBABYDOGEUSDT    BTCFDUSD    BNBEUR    ETHBTC
    When 500 trades are sent
    Then every hop holds every trade


*** Keywords ***
The feed asks for times in milliseconds
    Restart Service    feed    FEED_TIME_UNIT=millisecond

The feed asks for the time unit of its configuration
    Restart Service    feed
