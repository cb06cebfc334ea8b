*** Settings ***
Documentation    What services write is read by machines first: every line is structured, and an error is an error.

Library          tickproof.logs
Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        health    quick    exclusive    destructive


*** Test Cases ***
A Sound Flow Leaves Sound Logs
    [Documentation]    Nothing went wrong, so no service tells of an error, and no line is free text, the most talkative
    ...    writer's included.
    [Tags]    defect-writer-writes-free-text    defect-feed-cries-wolf-in-its-log
    Given Restart Service    writer    LOG_LEVEL=debug
    And Remember Logs
    And the exchange lists 3 symbols for this test
    When 1500 trades are sent
    Then every hop holds every trade
    And Logs Should Be Structured And Tell No Error
    [Teardown]    Restart Changed Services
