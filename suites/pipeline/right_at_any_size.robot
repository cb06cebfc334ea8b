*** Settings ***
Documentation    A platform is right on its first day, with nothing in it, and beside a million old rows.

Resource         ../../resources/pipeline.resource
Library          tickproof.warehouses
Library          tickproof.clients

Test Tags        pipeline    exclusive    own-stack


*** Test Cases ***
An Empty Platform Answers Empty
    [Documentation]    A fresh stack of its own: every route answers, with nothing in it, and the first trade arrives.
    [Tags]    quick    defect-api-fails-when-empty
    [Setup]    Start Empty Platform
    Every Route Should Answer Empty
    Lease Symbols    2
    Send Trades    50
    Every hop holds every trade
    [Teardown]    Return To Usual Platform

Beside Many Old Rows New Trades Arrive
    [Documentation]    A hundred thousand, in the form slow a million: written once by the writer itself and cached.
    [Tags]    slow    defect-writer-drops-one-in-a-thousand
    [Setup]    Start Platform With Old Rows
    Lease Symbols    10
    Send Trades    20000
    Every hop holds every trade
    Old Rows Should Be Untouched
    [Teardown]    Return To Usual Platform
