*** Settings ***
Documentation    Dashboards and alarms stand on what services publish of themselves; planners on what they take.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        health    quick    exclusive


*** Test Cases ***
Counters Count What Was Sent
    [Documentation]    Alone on the stack: each service's counter of trades grows by exactly what was sent.
    [Tags]    defect-writer-freezes-its-metrics
    Given the exchange lists 3 symbols for this test
    And Remember Figures
    When 600 trades are sent
    Then every hop holds every trade
    And Counters Should Have Counted What Was Sent

Memory Does Not Grow With Symbols
    [Documentation]    Sixty symbols trade for the first time or again: that costs no service a noticeable amount.
    [Tags]    defect-feed-hoards-by-symbol
    Given the exchange lists 60 symbols for this test
    And Remember Figures
    When 1200 trades are sent
    Then every hop holds every trade
    And Memory Should Not Have Grown    feed    writer    by_at_most_mb=100
