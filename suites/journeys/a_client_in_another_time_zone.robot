*** Settings ***
Documentation    The same instant is the same instant: a client in Kathmandu or New York gets the rows that a client in
...              London gets.

Resource         ../../resources/journeys.resource

Suite Setup      Run Keywords    The platform is up    AND    An analyst has a key

Test Tags        journeys    quick


*** Test Cases ***
Every Zone Offset Means The Same Instant
    [Documentation]    +05:45, -05:00, +14:00, -12:00 and Z; the bounds cut through the flow, start included, end not.
    [Tags]    critical    defect-api-ignores-zone-offsets
    Given 400 trades of 2 symbols are behind the API
    Then Zones Should Give The Same Rows    Z    +00:00    +05:45    -05:00    +14:00    -12:00

A Time Without A Zone Is Refused
    [Documentation]    To guess a zone is to be wrong for somebody.
    [Tags]    defect-api-guesses-a-zone
    Asking is refused    analyst    /v1/trades    ${400}    start=2026-01-01T00:00:00
