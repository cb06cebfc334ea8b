*** Settings ***
Documentation     Every service may die at any moment, between any two of its steps. Its restart policy brings it back,
...               and it goes on where the table or the topic says, not where it believes it was.

Resource          ../../resources/pipeline.resource

Suite Setup       The platform is up
Suite Teardown    Every service runs as configured

Test Tags         pipeline    quick    exclusive    destructive


*** Test Cases ***
The Writer Killed After Its Poll Loses Nothing
    [Tags]    defect-writer-saves-offsets-before-the-table
    [Template]    Writer killed under flow loses nothing and repeats nothing
    after-poll

The Writer Killed After Its File Loses Nothing
    [Tags]    defect-writer-saves-offsets-before-the-table
    [Template]    Writer killed under flow loses nothing and repeats nothing
    after-file

The Writer Killed Before Its Commit Loses Nothing
    [Tags]    defect-writer-saves-offsets-before-the-table
    [Template]    Writer killed under flow loses nothing and repeats nothing
    before-commit

The Writer Killed After Its Commit Repeats Nothing
    [Tags]    defect-writer-trusts-the-group
    [Template]    Writer killed under flow loses nothing and repeats nothing
    after-commit

The Writer Killed Before It Saves Repeats Nothing
    [Tags]    defect-writer-trusts-the-group
    [Template]    Writer killed under flow loses nothing and repeats nothing
    before-save

The Writer Stopped In Good Order Loses Nothing
    [Documentation]    Asked to end, it finishes what it polled, or leaves it for its successor.
    [Tags]    defect-writer-loses-the-tail-on-sigterm
    Given the exchange lists 5 symbols for this test
    And 3000 trades are being sent at 1500 a second
    When Stop And Start Service    writer
    And the flow ends
    Then every hop holds every trade

The Feed Killed Under Flow Loses Nothing
    [Documentation]    On its way back it reads the topic's tail to know what to ask the venue for.
    [Tags]    critical    defect-feed-forgets-where-it-was
    Given the exchange lists 5 symbols for this test
    And 3000 trades are being sent at 1500 a second
    When Kill Service    feed
    Then Service Should Have Died And Recovered    feed
    And the flow ends
    And every hop holds every trade

The Broker Restarted Under Flow Loses Nothing
    [Documentation]    What the feed had in flight is delivered afterwards, what the writer had polled is not lost.
    [Tags]    defect-feed-drops-what-was-in-flight
    ...       defect-writer-skips-after-an-outage
    ...       defect-writer-reads-no-more-after-an-outage
    Given the exchange lists 5 symbols for this test
    And 3600 trades are being sent at 1500 a second
    When Stop And Start Service    kafka
    And the flow ends
    Then every hop holds every trade


*** Keywords ***
Writer killed under flow loses nothing and repeats nothing
    [Arguments]    ${point: str}
    Lease Symbols    5
    Send Trades    200
    Hops Should Hold Every Trade    lake
    Crash Writer At    ${point}
    Start Sending Trades    1500    per_second=1500
    Service Should Have Died And Recovered    writer
    Finish Sending Trades
    Every hop holds every trade

Every service runs as configured
    Restart Changed Services
