using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>The text that has two causes: Service Usage tells which, for a run that pays.</summary>
public sealed class UnclearAccessTests : CloudFolder
{
    private const string Words = "TPU API is not enabled or you don't have TPU access to zone: us-west4-a.";

    private int _asked;

    [Theory]
    [InlineData(200, """{"state": "DISABLED"}""", "API_DISABLED", RefusalScope.Project)]
    [InlineData(200, """{"state": "ENABLED"}""", "ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(200, """{"state": "STATE_UNSPECIFIED"}""", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(200, """{"state": 1}""", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(200, "[", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(200, "", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(403, """{"error": {"message": "forbidden"}}""", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    [InlineData(503, "{}", "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone)]
    public async Task Create_InAnUnclearZone_AsksServiceUsage(
        int status, string body, string code, RefusalScope scope)
    {
        await using var usage = await StartAsync(status, body);
        using var rest = new GoogleRest(new Uri(usage.Urls.First()));

        var refusal = await CreateAsync(rest, 1, Zone);

        Assert.Equal((code, scope, 1), (refusal?.Code, refusal?.Scope, _asked));
        Assert.StartsWith(Words, refusal!.Reason, StringComparison.Ordinal);
        Assert.Equal(scope == RefusalScope.Zone, refusal.RememberSeconds >= 3600);
        Assert.Equal(code == "ZONE_FORBIDDEN", Memory.Find("p", Place()) is not null);
        Assert.Equal(
            code != "ZONE_FORBIDDEN",
            refusal.Fix.Contains("gcloud services enable tpu.googleapis.com --project=p", StringComparison.Ordinal));
    }

    /// <summary>Twenty zones may say so: one question is enough, and one after the API was turned on.</summary>
    [Theory]
    [InlineData("ENABLED", 1)]
    [InlineData("UNKNOWN", 1)]
    [InlineData("DISABLED", 3)]
    public async Task Create_InManyUnclearZones_AsksOnceUnlessTheApiIsOff(string state, int asked)
    {
        await using var usage = await StartAsync(200, $$"""{"state": "{{state}}"}""");
        using var rest = new GoogleRest(new Uri(usage.Urls.First()));
        var reader = new RefusalReader(null, new ApiState(new GoogleServices(rest, rest), Clock));

        foreach (var (attempt, zone) in new[] { Zone, "us-west1-a", "us-west1-b" }.Index())
        {
            await CreateAsync(reader, Spec, attempt + 1, zone);
        }

        Assert.Equal(asked, _asked);
        Clock.Advance(TimeSpan.FromMinutes(11));
        await CreateAsync(reader, Spec, 4, "us-east1-c");
        Assert.Equal(asked + 1, _asked);
    }

    /// <summary>A rehearsal's project is invented.</summary>
    [Fact]
    public async Task Create_InAnUnclearZoneOfARehearsal_AsksNobody()
    {
        await using var usage = await StartAsync(200, """{"state": "DISABLED"}""");
        using var rest = new GoogleRest(new Uri(usage.Urls.First()));
        var reader = new RefusalReader(null, new ApiState(new GoogleServices(rest, rest), Clock));

        var refusal = await CreateAsync(reader, Spec with { IsRehearsal = true }, 1, Zone);

        Assert.Equal(("API_OR_ZONE_FORBIDDEN", 0), (refusal?.Code, _asked));
    }

    [Fact]
    public async Task Create_WhileServiceUsageIsSilent_GoesOnAfterTenSeconds()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var rest = new GoogleRest(new Uri($"http://{silent.LocalEndpoint}"));

        var creating = CreateAsync(rest, 1, Zone);
        using var caller = await silent.AcceptSocketAsync(cancellation);
        Clock.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(
            "API_OR_ZONE_FORBIDDEN", (await creating.WaitAsync(TimeSpan.FromMinutes(2), cancellation))?.Code);
    }

    [Fact]
    public async Task Create_WithServiceUsageOutOfReach_LeavesTheCauseOpen()
    {
        using var port = ReservedPort.Take();
        using var rest = new GoogleRest(new Uri($"http://127.0.0.1:{port.Number}"));

        Assert.Equal("API_OR_ZONE_FORBIDDEN", (await CreateAsync(rest, 1, Zone))?.Code);
    }

    private Task<Refusal?> CreateAsync(GoogleRest rest, int attempt, string zone) => CreateAsync(
        new RefusalReader(null, new ApiState(new GoogleServices(rest, rest), Clock)), Spec, attempt, zone);

    private async Task<Refusal?> CreateAsync(RefusalReader reader, RunSpec spec, int attempt, string zone)
    {
        Cloud.Fail("Create", StatusCode.PermissionDenied, Words);
        return (await new CreateNodeActivity(
            Cloud, Ledger, Memory, new NodeSecrets(Folder),
            new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "script"), Jobs, Clock, reader: reader)
            .RunAsync(null!, new CreateNodeInput(spec, Place(zone), attempt))).Refusal;
    }

    private async Task<WebApplication> StartAsync(int status, string body)
    {
        var (builder, _) = LoopbackApplication.CreateBuilder(LogLevel.None, HttpProtocols.Http1);
        var application = builder.Build();
        application.MapGet("/v1/projects/p/services/tpu.googleapis.com", () =>
        {
            _asked++;
            return Results.Text(body, "application/json", statusCode: status);
        });
        await application.StartAsync();
        return application;
    }
}
