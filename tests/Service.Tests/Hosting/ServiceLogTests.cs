using System.Text.RegularExpressions;

namespace Workflows.Service.Tests.Hosting;

/// <summary>A log in which an error is an error.</summary>
public sealed partial class ServiceLogTests
{
    /// <summary>Refusals and a lost TPU belong to an ordinary run.</summary>
    [Fact]
    public async Task Log_OfAnOrdinaryRehearsal_HasNoErrors()
    {
        await using var service = new RunningService();
        await service.InitializeAsync();
        var request = service.Request(
            """
            {"zones": {
              "us-central2-b": {"refuse": "LOCATION_POLICY_VIOLATED"},
              "us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 1}}}}
            """,
            steps: 120);
        request["tpu"]!["zones"] = new System.Text.Json.Nodes.JsonArray("us-central2-b", "us-west4-a", "us-west1-c");
        request["evaluation"]!["maxNewTokens"] = 4;

        var report = await service.ReportAsync(await service.StartAsync(request));
        await service.RestartAsync(_ => { });
        var log = await ReadAsync(service);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Single(report.GetProperty("recoveries").EnumerateArray());
        Assert.Contains(" Information Workflows.", log, StringComparison.Ordinal);
        Assert.DoesNotMatch(Errors(), log);
        Assert.DoesNotContain("Reading is already in progress", log, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", log, StringComparison.Ordinal);
    }

    private static async Task<string> ReadAsync(RunningService service)
    {
        using var stream = new FileStream(
            Path.Combine(service.Settings.StateDirectory, "service.log"), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    [GeneratedRegex(@"^\S+ (Error|Critical) .*$", RegexOptions.Multiline)]
    private static partial Regex Errors();
}
