*** Settings ***
Documentation    One bad record must not cost a good one, and nothing may vanish: what cannot be understood is in the
...              dead-letter topic with its bytes and its reason; sent = stored + quarantined.
...
...              One flow carries every kind of garbage, each kind between the good trades of a symbol of its own;
...              each row below judges its kind by the table in docs/garbage.md.

Resource         ../../resources/pipeline.resource

Suite Setup      A flow with every kind of garbage is sent
Test Template    This kind of garbage is handled as the table says

Test Tags        pipeline    quick    exclusive


*** Test Cases ***    KIND
Not JSON Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    not-json
A Missing Field Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    missing-field
An Unknown Event Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    unknown-event
A Number In Place Of A Text Price Is Quarantined
    [Tags]    defect-feed-accepts-number-prices
    number-price
A Price That Is No Number Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    not-a-number-price
A Negative Size Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    negative-size
An Id Out Of Range Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    id-out-of-range
A Symbol In The Wrong Case Is Quarantined
    [Tags]    defect-feed-accepts-wrong-case
    wrong-case
An Empty Object Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    empty-object
A Binary Frame Is Quarantined
    [Tags]    defect-feed-swallows-dead-letters
    binary-frame
An Unknown Extra Field Is Accepted
    [Tags]    defect-feed-refuses-extra-fields
    unknown-extra-field
A Duplicate Key With Equal Values Is Accepted
    [Tags]    defect-feed-refuses-extra-fields
    duplicate-equal-key
Half A Frame Is Repaired
    [Tags]    defect-feed-does-not-repair
    half-frame
An Oversize Frame Is Repaired
    [Tags]    defect-feed-does-not-repair
    oversize
A Protocol Error Is Repaired
    [Tags]    defect-feed-does-not-repair
    protocol-error
Sent Is Stored Plus Quarantined
    [Documentation]    Over the whole flow nothing vanished and nothing was made up.
    [Tags]    defect-feed-throws-good-batch-away
    [Template]    NONE
    Every hop holds every trade
    Sent Should Equal Stored And Quarantined


*** Keywords ***
A flow with every kind of garbage is sent
    The platform is up
    Send Trades With Every Kind Of Garbage

This kind of garbage is handled as the table says
    [Arguments]    ${kind: str}
    Garbage Should Be Handled As The Table Says    ${kind}
