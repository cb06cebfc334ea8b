*** Settings ***
Documentation    What an end-to-end test of such a platform usually is. It is no part of the suites: the lane of defects
...              runs it beside them, to show what it does not see.

Library          tickproof.platform
Library          tickproof.proving.smoke

Suite Setup      Ensure Platform Is Up

Test Tags        smoke


*** Test Cases ***
The Platform Looks Fine
    [Documentation]    Healthy services, status 200, and a count within 1 %.
    Platform Should Look Fine
