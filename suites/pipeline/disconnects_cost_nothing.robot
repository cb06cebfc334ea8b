*** Settings ***
Documentation    Connections break, every day at the latest. The gap is repaired from the venue's history; what the
...              venue does not have is reported with its exact ids.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick    exclusive


*** Test Cases ***
A Dropped Connection Costs Nothing
    [Documentation]    Trades go on while the feed is away, and the venue refuses the first two attempts to come back.
    [Tags]    critical    defect-feed-does-not-repair    defect-feed-gives-up-reconnecting
    Given the exchange lists 5 symbols for this test
    And Plan Disturbance    drop    at=30%
    And Plan Disturbance    refuse    at=30%    count=2
    When Send Trades    2000    per_second=1500
    Then every hop holds every trade

Skipped Ids That The Venue Knows Are Repaired
    [Documentation]    The stream leaves trades out, the connection stays: only the ids tell.
    [Tags]    defect-feed-does-not-repair
    Given the exchange lists 3 symbols for this test
    And Plan Disturbance    skip    at=40%    count=7
    When 1000 trades are sent
    Then every hop holds every trade

A Gap Is Repaired With Few Questions
    [Documentation]    Venues ban who asks too much: a gap is asked for once, and again only while it stays open.
    [Tags]    defect-feed-asks-again-and-again
    Given the exchange lists 1 symbols for this test
    And Plan Disturbance    skip    at=40%    count=7
    When 400 trades are sent
    Then every hop holds every trade
    And History Should Be Asked At Most    6

A Gap That Cannot Be Repaired Is Reported
    [Documentation]    By metric, by log and in the topic of gaps, with exactly the ids that are missing.
    [Tags]    defect-feed-keeps-gaps-to-itself    defect-feed-counts-no-gaps    defect-feed-reports-a-gap-one-short
    Given the exchange lists 3 symbols for this test
    And Plan Disturbance    skip    at=40%    count=5    rest_knows=False
    When 1000 trades are sent
    Then Gap Should Be Reported By Topic Metric And Log
    And every hop holds every trade

The Daily Disconnect Costs Nothing
    [Documentation]    The venue closes every connection after 24 hours.
    [Tags]    defect-feed-loses-the-tail-at-expiry
    Given the exchange lists 5 symbols for this test
    And Plan Disturbance    expire    at=50%
    When Send Trades    2000    per_second=1500
    Then every hop holds every trade
    And Feed Should Have Reconnected

The Shutdown Notice Costs Nothing
    [Documentation]    The venue announces its shutdown (serverShutdown) and then closes.
    [Tags]    defect-feed-loses-the-tail-at-expiry
    Given the exchange lists 5 symbols for this test
    And Plan Disturbance    shutdown    at=50%
    When Send Trades    2000    per_second=1500
    Then every hop holds every trade
    And Feed Should Have Reconnected

A Stalled Stream Costs Nothing
    [Documentation]    The venue holds its breath for a second, then sends all that is due.
    [Tags]    defect-feed-drops-bursts
    Given the exchange lists 3 symbols for this test
    And Plan Disturbance    stall    at=40%    seconds=1
    When Send Trades    2000    per_second=2000
    Then every hop holds every trade
