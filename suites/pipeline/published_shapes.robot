*** Settings ***
Documentation    What the platform publishes about itself is true: schemas of messages, letters, reports and the table.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick


*** Test Cases ***
Kafka Values Are What Their Schema Says
    [Documentation]    Every message of the flow, validated against the published JSON Schema.
    [Tags]    defect-feed-publishes-an-extra-field
    Given the exchange lists 5 symbols for this test
    When 1000 trades are sent
    Then every hop holds every trade
    And Kafka Values Should Match Their Schema

What Could Not Be Taken Is Told As Its Schemas Say
    [Documentation]    Headers of dead letters, and reports of gaps that nobody can repair: whoever replays reads them.
    [Tags]    exclusive    defect-feed-words-its-positions-anew    defect-feed-renames-a-reason
    When Send Trades With Every Kind Of Garbage
    And Plan Disturbance    skip    at=40%    count=2    rest_knows=False
    And Send Trades    300
    Then Gap Should Be Reported By Topic Metric And Log
    And Gap Reports Should Match Their Schema
    And Dead Letters Should Match Their Schema

The Table Is What Its Schema Says
    [Documentation]    Names, types, nullability, partition spec and sort order of the table.
    [Tags]    defect-writer-makes-a-column-optional
    Table Should Match Its Schema

API Answers Are What Their Schema Says
    [Documentation]    Decimals as text, times in UTC with microseconds, every field present.
    [Tags]    defect-api-serves-prices-as-numbers    defect-api-trims-times
    Given the exchange lists 3 symbols for this test
    When 500 trades are sent
    Then every hop holds every trade
    And API Answers Should Match Their Schema
