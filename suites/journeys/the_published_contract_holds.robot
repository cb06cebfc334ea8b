*** Settings ***
Documentation    The API publishes its contract (OpenAPI). Whoever generates a client from it must be able to trust it.

Resource         ../../resources/journeys.resource

Suite Setup      Run Keywords    The platform is up    AND    An analyst has a key

Test Tags        journeys    quick


*** Test Cases ***
Every Route Answers As Published
    [Documentation]    Each published route is called with values that exist; status, type and body are as published.
    [Tags]    critical    defect-api-omits-a-published-field
    Given 50 trades of 2 symbols are behind the API
    Then Every Route Should Answer As Published    analyst

Hostile Strings Get A Client Error
    [Documentation]    In each parameter of each route: 4xx as problem+json, never 5xx, nothing of the inside.
    [Tags]    defect-api-breaks-on-a-quote
    Given 10 trades of 1 symbols are behind the API
    Then Hostile Strings Should Get A Client Error    analyst
