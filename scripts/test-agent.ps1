<#
.SYNOPSIS
Smoke test of a running agent: health, query, act, metrics, webhook.

.DESCRIPTION
Changes nothing: the action names a service that nobody has, the alert is invented and resolves at once.
Exit code: 0 all is well, 1 a check failed. Windows PowerShell 5.1 and PowerShell 7.

.PARAMETER BaseUrl
Where the agent is.

.PARAMETER Token
A token, if the agent asks for one; else the environment's AETHER_TOKEN.

.EXAMPLE
./scripts/test-agent.ps1 -BaseUrl http://localhost:8088
#>
param(
    [string]$BaseUrl = 'http://localhost:8088',
    [string]$Token = $env:AETHER_TOKEN
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$base = $BaseUrl.TrimEnd('/')
$headers = @{}
if ($Token) {
    $headers['Authorization'] = "Bearer $Token"
}
$script:failed = $false

function Send-Json([string]$Path, $Body) {
    $json = $Body | ConvertTo-Json -Depth 10 -Compress
    Invoke-RestMethod -Method Post -Uri "$base$Path" -Headers $headers -TimeoutSec 15 -ContentType 'application/json' -Body $json
}

function Assert-That([bool]$Claim, [string]$Otherwise) {
    if (-not $Claim) {
        throw $Otherwise
    }
}

function Test-Part([string]$Name, [scriptblock]$Check) {
    try {
        $detail = & $Check
        Write-Output ('{0,-8} ok      {1}' -f $Name, $detail)
    }
    catch {
        $said = $_.Exception.Message
        if ($_.ErrorDetails) {
            $said = "$said $($_.ErrorDetails.Message)"
        }
        Write-Output ('{0,-8} FAILED  {1}' -f $Name, $said)
        $script:failed = $true
    }
}

function Send-Alert([string]$Status, [string]$StartsAt, [string]$EndsAt, $Labels) {
    $alert = @{
        status      = $Status
        labels      = $Labels
        annotations = @{ summary = 'Invented by test-agent.' }
        startsAt    = $StartsAt
        endsAt      = $EndsAt
    }
    Send-Json '/alertmanager' @{ version = '4'; status = $Status; receiver = 'agent'; alerts = @($alert) } | Out-Null
}

Test-Part 'health' {
    $health = Invoke-RestMethod -Uri "$base/health" -TimeoutSec 15
    Assert-That ($health.ok -eq $true) 'the agent is not ready'
    Assert-That ($null -ne $health.consecutive_low) 'consecutive_low is missing'
    'the agent can serve'
}

Test-Part 'query' {
    $answer = Send-Json '/query' @{ ql = 'vector(1)' }
    Assert-That ($answer.value -eq 1) 'vector(1) is not 1'
    'vector(1) is 1'
}

Test-Part 'act' {
    $answer = Send-Json '/act' @{ action = 'scale'; reason = 'smoke test'; service = 'aether-smoke-test' }
    Assert-That ($answer.details.decision -eq 'deny') 'it was not refused'
    'an action on nothing is refused'
}

Test-Part 'metrics' {
    $text = Invoke-RestMethod -Uri "$base/metrics" -TimeoutSec 15
    Assert-That ($text -match '(?m)^aether_agent_') 'no metric begins with aether_agent_'
    'aether_agent_* is there'
}

Test-Part 'webhook' {
    $mark = [guid]::NewGuid().ToString('N')
    $labels = @{ alertname = 'AetherSmokeTest'; severity = 'info'; service = 'aether-smoke-test'; smoke = $mark }
    $now = [DateTime]::UtcNow
    $startsAt = $now.ToString('o')
    $endsAt = $now.AddMilliseconds(1).ToString('o')
    Send-Alert 'firing' $startsAt '0001-01-01T00:00:00Z' $labels
    Send-Alert 'resolved' $startsAt $endsAt $labels
    $until = $now.AddSeconds(10)
    do {
        $alerts = Invoke-RestMethod -Uri "$base/api/v1/alerts?limit=100" -Headers $headers -TimeoutSec 15
        $ours = @($alerts.items | Where-Object { $_.labels.smoke -eq $mark -and $_.status -eq 'resolved' })
        if ($ours.Count -eq 0) {
            Start-Sleep -Milliseconds 200
        }
    } until ($ours.Count -gt 0 -or [DateTime]::UtcNow -gt $until)
    Assert-That ($ours.Count -gt 0) 'the alert is not listed as resolved'
    'an invented alert was heard, listed and resolved'
}

if ($script:failed) {
    exit 1
}
exit 0
