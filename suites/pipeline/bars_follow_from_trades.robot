*** Settings ***
Documentation    Bars and daily summaries equal those that anybody can compute from the trades, to the last digit.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick


*** Test Cases ***
Bars Of Every Interval Equal The Trades
    [Documentation]    From one second to one day; half of the trades are late by minutes or days.
    [Tags]    defect-api-swaps-open-and-close    defect-api-rounds-quote-volumes
    Given the exchange lists 3 symbols for this test
    When Send Trades    1500    late_share=0.5    clear_of_history=True
    Then every hop holds every trade
    And Bars Should Equal The Trades    1s    5s    1m    5m    15m    1h    1d

The Daily Summary Equals The Trades
    [Documentation]    Open, high, low, close, volume, count and volume-weighted average price of each day.
    [Tags]    defect-api-forgets-the-last-trade-of-the-day
    ...       defect-api-weighs-by-count
    ...       defect-api-bar-volume-as-integer
    Given the exchange lists 2 symbols for this test
    When Send Trades    800    values=edge    late_share=0.2    clear_of_history=True
    Then every hop holds every trade
    And Daily Summaries Should Equal The Trades
