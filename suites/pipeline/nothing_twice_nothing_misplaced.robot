*** Settings ***
Documentation    Venues repeat frames and deliver late ones; the lake still holds each trade once, in its own day.

Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        pipeline    quick


*** Test Cases ***
Repeated Frames Are Stored Once
    [Documentation]    Right after the first, more than a second later (in another commit), and behind a reconnect.
    [Tags]    exclusive    defect-writer-forgets-what-it-stored
    Given the exchange lists 3 symbols for this test
    And Plan Disturbance    repeat    at=10%    count=3
    And Plan Disturbance    repeat    at=15%    count=1    later=1200
    And Plan Disturbance    drop    at=30%
    And Plan Disturbance    repeat    at=95%    count=2
    When 1500 trades are sent at 1000 a second
    Then every hop holds every trade

Late And Out Of Order Trades Land In Their Own Day
    [Documentation]    Ten in a hundred are up to three days late; each stands in the partition of its event time.
    [Tags]    defect-writer-puts-late-trades-into-today    defect-writer-shifts-late-times
    Given the exchange lists 3 symbols for this test
    When Send Trades    1000    late_share=0.1
    Then every hop holds every trade
    And Trades Should Stand In The Partition Of Their Day

Frames Out Of Order Cost Nothing
    [Documentation]    Two neighbours change places on the wire: both arrive, neither is taken for a loss.
    [Tags]    exclusive    defect-writer-drops-late-ids
    Given the exchange lists 1 symbols for this test
    And Plan Disturbance    swap    at=30%
    And Plan Disturbance    swap    at=60%
    When 500 trades are sent
    Then every hop holds every trade
