*** Settings ***
Documentation    A first test to copy. Change the numbers, break something, look at results/log.html.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        examples    quick


*** Test Cases ***
My First Trades Arrive
    [Documentation]    Five hundred trades of three symbols, at every hop as the target promises.
    [Tags]    defect-writer-drops-one-in-a-thousand    defect-api-hides-a-row
    Given the exchange lists 3 symbols for this test
    When 1000 trades are sent
    Then every hop holds every trade
