*** Settings ***
Documentation    A researcher takes the same trades in the format at hand, and asks for them as they were.

Resource         ../../resources/journeys.resource

Suite Setup      The platform is up

Test Tags        journeys    quick


*** Test Cases ***
Every Format Holds The Same Trades
    [Documentation]    JSON, NDJSON, CSV, Arrow and Parquet: the same rows, the same digits.
    [Tags]    critical
    ...       defect-api-prints-csv-through-float
    ...       defect-api-loses-the-last-line
    ...       defect-api-rounds-in-arrow
    ...       defect-api-writes-parquet-in-milliseconds
    Given the exchange lists 2 symbols for this test
    When Send Trades    300    values=edge
    Then every hop holds every trade
    And Formats Should Hold Every Trade    json    ndjson    csv    arrow    parquet

An Older Snapshot Still Tells What It Told
    [Documentation]    As of a snapshot the answer does not change, however much arrives afterwards.
    [Tags]    defect-api-answers-from-the-newest-snapshot
    Given 100 trades of 2 symbols are behind the API
    And Remember Snapshot
    When 100 trades are sent
    Then every hop holds every trade
    And Snapshot Should Hold What Was Remembered
