*** Settings ***
Documentation     Services crash, freeze, are paused, are asked to end: the platform notices, heals by itself, and loses
...               nothing.

Library           tickproof.recovery
Resource          ../../resources/pipeline.resource

Suite Setup       The platform is up
Suite Teardown    Restart Changed Services

Test Tags         health    quick    exclusive    destructive


*** Test Cases ***
A Frozen Service Is Found Unhealthy
    [Documentation]    A frozen process keeps its port; only a check that wants an answer notices.
    [Tags]    defect-stack-asks-a-neighbour-for-the-feed
    Frozen Services Should Be Found Unhealthy    kafka    feed    api    within=20 s    recovers_within=30 s
    Frozen Services Should Be Found Unhealthy    writer    within=20 s    recovers_within=30 s
    Given the exchange lists 2 symbols for this test
    When 200 trades are sent
    Then every hop holds every trade

The Broker Killed Under Flow Heals And Loses Nothing
    [Documentation]    A crash, not a stop: its session has to run out before it may come back.
    [Tags]    defect-feed-drops-what-was-in-flight
    Given the exchange lists 4 symbols for this test
    And 3000 trades are being sent at 1000 a second
    When Killed Service Should Recover    kafka    within=40 s
    And the flow ends
    Then every hop holds every trade

The API Killed Heals
    [Documentation]    It keeps nothing of its own: what it served before, it serves again.
    [Tags]    defect-stack-leaves-the-api-dead
    Given the exchange lists 2 symbols for this test
    When 200 trades are sent
    And Killed Service Should Recover    api    within=20 s
    Then every hop holds every trade

Each Service Ends In Good Order Under Flow
    [Documentation]    Asked to end, a service ends by itself, within its grace period, and leaves no tail behind.
    [Tags]    defect-api-ends-with-an-error    defect-feed-does-not-hear-sigterm
    Given the exchange lists 3 symbols for this test
    And 9000 trades are being sent at 500 a second
    When Service Should End In Good Order    writer
    And Service Should End In Good Order    api
    And Service Should End In Good Order    feed
    And the flow ends
    Then every hop holds every trade

Each Service Paused Under Flow Loses Nothing
    [Documentation]    A paused machine, a long collection of garbage: everything is late, and nothing is lost.
    [Tags]    defect-writer-skips-after-a-pause
    Given the exchange lists 4 symbols for this test
    And 8000 trades are being sent at 500 a second
    When Pause And Resume Service    writer    lasting=3 s
    And Pause And Resume Service    kafka    lasting=3 s
    And Pause And Resume Service    feed    lasting=3 s
    And the flow ends
    Then every hop holds every trade

A Crash Loop Is Visible
    [Documentation]    Restarts are counted, the pauses between them grow, and it is never called healthy.
    [Tags]    defect-stack-leaves-the-writer-dead
    Given the exchange lists 2 symbols for this test
    When Crash Loop Should Be Visible    writer    crashes=4
    And 200 trades are sent
    Then every hop holds every trade

A Service Beyond Its Memory Limit Is Ended And Comes Back
    [Documentation]    A program that takes more and more stands in for a leak: the limit that is declared is in force.
    [Tags]    defect-stack-lets-the-feed-take-all
    Given Memory Limit Should Be In Force    feed    grows_to_mb=1300    within=20 s
    And the exchange lists 2 symbols for this test
    When 200 trades are sent
    Then every hop holds every trade

The Whole Stack Stopped And Started Has Everything
    [Documentation]    What was there before is there afterwards, and work goes on.
    [Tags]    defect-stack-keeps-the-topics-nowhere
    Given the exchange lists 3 symbols for this test
    And 600 trades are sent
    And every hop holds every trade
    When Stop And Start All Services
    And 300 trades are sent
    Then every hop holds every trade
