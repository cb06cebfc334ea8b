*** Settings ***
Documentation    What the table says of itself is true. A data file that is live twice doubles its rows, though every
...              service is healthy and every count looks plausible.

Resource         ../../resources/pipeline.resource

Suite Setup      Trades were sent over several commits

Test Tags        pipeline    quick


*** Test Cases ***
No Data File Is Live Twice
    [Tags]    critical    defect-writer-registers-a-file-twice
    No Data File Should Be Live Twice

Source Offsets Only Grow
    [Documentation]    From snapshot to snapshot, in every partition, and never ahead of the topic.
    [Tags]    defect-writer-notes-old-offsets
    Source Offsets Should Only Grow

Summaries Equal Rows
    [Documentation]    The record counts of summary, manifests and data files agree with the rows that a scan finds.
    [Tags]    defect-writer-miscounts-its-rows
    Summary Counts Should Equal Rows

Commits And Files Stay Bounded
    [Documentation]    A commit for each message would pass every other claim and end in millions of files.
    [Tags]    defect-writer-commits-each-message
    Commits And Files Should Be Bounded


*** Keywords ***
Trades were sent over several commits
    The platform is up
    Lease Symbols    5
    Send Trades    3000    per_second=1500
    Every hop holds every trade
