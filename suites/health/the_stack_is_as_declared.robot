*** Settings ***
Documentation    What the compose file declares is what operators rely on at night: each service makes the promises
...              that keep one bad night from becoming a bad week.

Library          tickproof.declared
Resource         ../../resources/pipeline.resource

Suite Setup      The platform is up

Test Tags        health    quick


*** Test Cases ***
Each Service Is Watched
    [Tags]    defect-stack-watches-no-api
    Every Service Should Declare    a health check

Each Service Has A Memory Limit
    [Tags]    defect-stack-lets-the-writer-grow
    Every Service Should Declare    a memory limit

Each Service Comes Back After A Crash
    [Tags]    defect-stack-leaves-the-feed-dead
    Every Service Should Declare    a restart policy

Each Service Has Time To End
    [Tags]    defect-stack-gives-the-writer-no-time
    Every Service Should Declare    a grace period

Logs Cannot Fill A Disk
    [Tags]    defect-stack-keeps-all-logs
    Every Service Should Declare    bounded logs

No Service Writes Into Its Image
    [Tags]    defect-stack-lets-the-api-write
    Every Service Should Declare    a read-only root

No Service Has Privileges
    [Tags]    defect-stack-privileges-the-broker
    Every Service Should Declare    no privileges

No Service Shares The Network Of The Host
    [Tags]    defect-stack-puts-the-feed-on-the-host
    Every Service Should Declare    a network of its own

No Port Is Open To The World
    [Tags]    defect-stack-opens-the-api
    Every Service Should Declare    ports on loopback only

Each Service Has An Init Process
    [Tags]    defect-stack-forgets-init
    Every Service Should Declare    an init process

Services Start After What They Need
    [Documentation]    The timeline proves it: who needs the broker was not started before it.
    [Tags]    defect-stack-starts-all-at-once
    Service Should Have Started After    feed    kafka
    Service Should Have Started After    writer    kafka
