*** Settings ***
Documentation    What a service says of its own health is what operators act on: it has to follow from what it can do.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        health    quick    exclusive    destructive


*** Test Cases ***
Readiness Tells That The Broker Is Away
    [Documentation]    Those that need the broker say so while it is stopped, live on, and recover by themselves.
    [Tags]    defect-writer-says-it-is-well
    Readiness Should Tell That Service Is Away    kafka    feed    writer    within=20 s    recovers_within=30 s
    Given the exchange lists 2 symbols for this test
    When 200 trades are sent
    Then every hop holds every trade

Readiness Tells That The Broker Is Paused
    [Documentation]    A paused broker keeps its connections. That it does nothing shows only in what does not happen.
    [Tags]    defect-feed-trusts-its-connection
    Given the exchange lists 2 symbols for this test
    And 4000 trades are being sent at 250 a second
    When Readiness Should Tell That Service Is Paused    kafka    feed    writer    within=15 s    recovers_within=30 s
    And the flow ends
    Then every hop holds every trade
