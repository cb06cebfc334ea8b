*** Settings ***
Documentation    Where a service runs, and how it is set, changes what it was set for and nothing else.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        health    quick    exclusive    destructive


*** Test Cases ***
A Service In Another Time Zone Changes No Answer
    [Documentation]    Half a day and half an hour apart: an instant stays an instant at every hop.
    [Tags]    defect-writer-reads-times-as-local
    Given Restart Service    writer    TZ=IST-5:30
    And Restart Service    api    TZ=EST5
    And the exchange lists 2 symbols for this test
    When 400 trades are sent
    Then every hop holds every trade
    [Teardown]    Restart Changed Services
