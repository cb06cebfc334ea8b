*** Settings ***
Documentation    A client with a small limit is told when to come back; it waits as told and misses nothing.

Resource         ../../resources/journeys.resource

Suite Setup      Run Keywords    The platform is up    AND    An analyst has a key    AND    A guest has a key

Test Tags        journeys    quick    exclusive


*** Test Cases ***
A Client That Waits As Told Misses Nothing
    [Documentation]    Calls until 429, waits for Retry-After, is served at once, and holds every trade in the end.
    [Tags]    defect-api-says-retry-too-early
    Given 100 trades of 1 symbols are behind the API
    When Use Up Limit    guest
    Then Waiting As Told Should Be Served    guest
    And A Limited Key Should Miss Nothing    page_size=10

The Limit Of One Key Is Not The Limit Of Another
    [Documentation]    The guest is refused, the analyst is served, and the guest is refused still.
    [Tags]    defect-api-shares-one-limit
    When Use Up Limit    guest
    Then Other Key Should Still Be Served    guest    analyst
