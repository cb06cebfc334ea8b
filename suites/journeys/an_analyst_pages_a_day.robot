*** Settings ***
Documentation    An analyst fetches a day of trades page by page while new ones arrive: all of it, no overlap.

Resource         ../../resources/journeys.resource

Suite Setup      The platform is up

Test Tags        journeys    quick


*** Test Cases ***
Any Page Size Gives The Whole Day
    [Documentation]    Pages of 7 to 10,000 rows while the writer goes on committing: rows arrive between the pages,
    ...                some of them before the place that the reader has come to.
    [Tags]    defect-api-skips-a-row-at-a-page-boundary
    ...       defect-api-repeats-a-row-at-a-page-boundary
    ...       defect-api-counts-rows-to-its-place
    Given 600 trades of 3 symbols are behind the API
    When 2000 trades, one in ten of them late, are being sent at 1000 a second
    Then Pages Should Give Every Trade Once    7    100    599    600    10000    while_trades_arrive=True
    And the flow ends
    And every hop holds every trade
    And A Question Without Bounds Should Give The Same

Single Row Pages Give The Whole Day
    [Documentation]    The smallest page has a boundary at every row.
    [Tags]    defect-api-skips-a-row-at-a-page-boundary    defect-api-repeats-a-row-at-a-page-boundary
    Given 60 trades of 2 symbols are behind the API
    Then Pages Should Give Every Trade Once    1

A Cursor Of Somebody Else's Making Is Refused
    [Documentation]    A cursor is opaque: one that was altered is an error, not a place.
    [Tags]    defect-api-trusts-any-cursor
    Given 20 trades of 1 symbols are behind the API
    Then An Altered Cursor Should Be Refused
