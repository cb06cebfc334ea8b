*** Settings ***
Documentation    A newcomer makes every mistake once and gets the exact 4xx, in words, and nothing of the inside.

Resource         ../../resources/journeys.resource

Suite Setup      Run Keywords
...                  The platform is up    AND
...                  An analyst has a key    AND
...                  A newcomer has no key    AND
...                  Open API Session    stranger    key=wrong

Test Tags        journeys    quick


*** Test Cases ***
No Key Is Refused On Every Route
    [Documentation]    Each route that the published contract marks as protected.
    [Tags]    critical    defect-api-forgets-the-key-on-one-route
    Every Protected Route Should Answer    newcomer    401

A Wrong Key Is Refused On Every Route
    [Tags]    defect-api-forgets-the-key-on-one-route
    Every Protected Route Should Answer    stranger    403

A Withdrawn Key Is Refused
    [Documentation]    Whoever had a key yesterday has none today, also if the key was in use until then.
    [Tags]    exclusive    destructive    defect-api-remembers-withdrawn-keys
    Given GET On Session    analyst    /v1/symbols    expected_status=200
    When Withdraw Key    default
    Then Asking is refused    analyst    /v1/symbols    ${403}
    [Teardown]    Restart Changed Services

An Inverted Range Is Refused
    [Tags]    defect-api-turns-ranges-round
    [Template]    Asking is refused
    analyst    /v1/trades    ${400}    start=2026-01-02T00:00:00Z    end=2026-01-01T00:00:00Z

An Unknown Parameter Is Refused
    [Documentation]    A misspelt filter that is ignored gives all rows, and nobody notices.
    [Tags]    defect-api-ignores-unknown-parameters
    [Template]    Asking is refused
    analyst    /v1/trades    ${400}    symbl=BTCUSDT
    analyst    /v1/bars    ${400}    symbol=BTCUSDT    interval=1m    colour=red

A Symbol In The Wrong Case Is Refused
    [Documentation]    The venue writes capitals; two names that differ in their case only are two names.
    [Tags]    defect-api-folds-case
    [Template]    Asking is refused
    analyst    /v1/trades    ${400}    symbol=btcusdt
    analyst    /v1/bars    ${400}    symbol=btcusdt    interval=1m

A Limit Out Of Range Is Refused
    [Tags]    defect-api-clamps-the-limit
    [Template]    Asking is refused
    analyst    /v1/trades    ${400}    limit=0
    analyst    /v1/trades    ${400}    limit=10001
    analyst    /v1/trades    ${400}    limit=-1
    analyst    /v1/trades    ${400}    limit=ten

A Limit At Its Bounds Is Served
    [Documentation]    The bounds themselves are allowed.
    [Tags]    defect-api-limit-off-by-one
    Given 20 trades of 1 symbols are behind the API
    Then Limit Should Give Exactly As Many Rows    1    2    19    20    10000

An Unknown Place Is Not Found
    [Tags]    defect-api-tells-of-its-inside
    [Template]    Asking is refused
    analyst    /v1/nothing    ${404}
    analyst    /v1/summary/NOSUCHSYMBOL/2026-01-01    ${404}
