using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Runs and previews ask places in the order of their expected cost, and leave out those whose quota is too
/// small.</summary>
public sealed class PlaceOrderTests : IAsyncLifetime
{
    private const string SpotServing = "TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI";

    private RunningService _service = null!;
    private Uri? _storage;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _service = new RunningService
        {
            Change = services =>
            {
                // The emulator stands for Google, for runs that pay, too.
                var options = services.Select(each => each.ImplementationInstance).OfType<EmulatorOptions>().Single();
                _storage = new Uri($"http://{options.StorageHost}");
                var rest = new GoogleRest(new Uri($"http://{options.RestHost}"), _storage);
                services.AddSingleton<Func<Uri?, ArtifactStores>>(emulator => new ArtifactStores(
                    emulator ?? _storage, new HubSettings { Cache = Path.Combine(_service.Folder, "hub") },
                    TimeProvider.System, TimeSpan.FromMilliseconds(1)));
                services.Replace(ServiceDescriptor.Singleton(new GoogleServices(rest, rest)));
                var cloud = services.Last(each => each.ServiceType == typeof(ITpuCloud)).ImplementationFactory!;
                services.Replace(ServiceDescriptor.Singleton<ITpuCloud>(
                    provider => new Emulated((ITpuCloud)cloud(provider))));
            },
        };
        await _service.InitializeAsync();
    }

    public async ValueTask DisposeAsync() => await _service.DisposeAsync();

    /// <summary>The cheapest zone refused ninety requests: the next one has the better chance of its price.</summary>
    [Theory]
    [InlineData(0, "cost", "us-central1-a")]
    [InlineData(90, "cost", "us-west4-a")]
    [InlineData(90, null, "us-central1-a")]
    public async Task ARun_AfterRefusalsOfTheCheapestZone_AsksThePlaceOfTheLeastExpectedCostFirst(
        int refusals, string? order, string first)
    {
        var id = $"order-{refusals}-{order ?? "none"}";
        var memory = _service.Services.GetRequiredService<CapacityMemory>();
        var cheapest = _service.Services.GetRequiredService<PriceCatalog>().At(
            "v5litepod-8", "us-central1-a", ProvisioningMode.Spot, null);
        for (var refusal = 0; refusal < refusals; refusal++)
        {
            memory.RememberInVain($"rehearsal-{id}", cheapest, 5);
        }

        var request = _service.Request(steps: 4);
        request["id"] = id;
        request["tpu"]!["zones"] = new JsonArray("us-central1-a", "us-south1-a", "us-west4-a");
        request["tpu"]!["order"] = order;

        var report = await _service.ReportAsync(await _service.StartAsync(request));

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.Equal(first, report.GetProperty("attempts")[0].GetProperty("zone").GetString());
    }

    [Fact]
    public async Task Plan_OfPlacesWithoutQuota_LeavesThemOutAsTheRunDoes()
    {
        await PrepareTeamAsync($$$$"""
            {"zones": {"northamerica-northeast1-b": {"quota": {"{{{{SpotServing}}}}": 4}}},
             "regions": {"europe-west3": {"quota": {
               "TPUV5sPreemptibleLitepodServingPerProjectPerRegionForTPUAPI": 0}} }}
            """);

        var plan = await AskAsync(Paying());
        var run = await RunAsync(Paying());

        var places = plan.GetProperty("places").EnumerateArray().ToList();
        Assert.Equal(
            [("northamerica-northeast1-b", false), ("europe-west3-c", false), ("asia-northeast1-b", true)],
            places.Take(3).Select(place => (
                place.GetProperty("zone").GetString()!, place.GetProperty("isIn").GetBoolean())));
        Assert.StartsWith(
            $"Its quota is too small: {SpotServing} is 4 in northamerica-northeast1-b, v5litepod-8 needs 8. Ask for "
            + "more at https://console.cloud.google.com/iam-admin/quotas?project=team-project",
            places[0].GetProperty("why").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, places[1].GetProperty("quota").GetProperty("limit").GetInt64());
        Assert.Equal(
            places.Where(place => place.GetProperty("isIn").GetBoolean())
                .Select(place => place.GetProperty("zone").GetString()),
            run.Candidates.Select(place => place.Zone));
        Assert.Equal(plan.GetProperty("estimatedUsd").GetDouble(), run.EstimatedUsd, 9);
        Assert.DoesNotContain(
            plan.GetProperty("notes").EnumerateArray(),
            note => note.GetString()!.StartsWith("Quotas were not read", StringComparison.Ordinal));

        // The parts of the expected cost, each with its unit, add up to it; the order is that of the sums.
        var expected = places.Select(place => place.GetProperty("expected")).ToList();
        Assert.All(expected, cost => Assert.Equal(
            cost.GetProperty("expectedUsd").GetDouble(),
            new[] { "workUsd", "lossUsd", "inVainUsd", "egressUsd" }.Sum(part => cost.GetProperty(part).GetDouble()),
            12));
        Assert.Equal(
            expected.Select(cost => cost.GetProperty("expectedUsd").GetDouble()).Order(),
            expected.Select(cost => cost.GetProperty("expectedUsd").GetDouble()));
        Assert.All(expected, cost => Assert.True(cost.GetProperty("egressUsd").GetDouble() >= 0));
        Assert.Contains(expected, cost => cost.GetProperty("egressUsd").GetDouble() > 0);
        var egress = plan.GetProperty("egress");
        var first = places.First(place => place.GetProperty("isIn").GetBoolean()).GetProperty("expected");
        Assert.Equal(
            first.GetProperty("egressUsd").GetDouble(), egress.GetProperty("totalUsd").GetDouble(), 12);
        Assert.True(egress.GetProperty("checkpoints").GetInt32() > 0);
        Assert.True(egress.GetProperty("corpusBytes").GetInt64() > 0);
        Assert.Equal(
            run.Candidates.Select(place => place.Region).ToHashSet(), [.. run.Egress!.UsdPerGib.Keys]);
        Assert.StartsWith("spot ", expected[0].GetProperty("words").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_WithoutQuotaAnywhere_SaysThatTheCloudWillRefuse()
    {
        _service.Services.GetRequiredService<ITpuEmulator>().Prepare("team-project", $$$$"""
            {"zones": {"us-west4-a": {"quota": {"{{{{SpotServing}}}}": 0}} }}
            """);
        var request = Paying();
        request["tpu"]!["zones"] = new JsonArray("us-west4-a");

        var plan = await AskAsync(request);

        Assert.True(plan.GetProperty("places")[0].GetProperty("isIn").GetBoolean());
        Assert.Contains(
            plan.GetProperty("notes").EnumerateArray(), note => note.GetString()!.StartsWith(
                $"Every place's quota is known to be too small: {SpotServing} is 0 in us-west4-a",
                StringComparison.Ordinal));
    }

    /// <summary>A catalog with an image that the zone no longer lists.</summary>
    [Fact]
    public async Task Plan_OfAZoneThatLacksTheCatalogsImage_UsesTheNewestOfItsSeriesAndSaysSo()
    {
        await PrepareTeamAsync("{}");
        var path = Path.Combine(_service.Folder, "catalog-of-old-images.json");
        await File.WriteAllTextAsync(path, """
            {"generations": [{"name": "v5e", "runtimeVersion": "v1-alpha-tpuv5-lite", "tflopsPerChip": 197,
            "types": {"v5litepod-8": 8}, "zones": {"us-west4-a": [1.2, 0.5]}}]}
            """, Cancellation);

        var plan = await RunAsync(Paying(), PriceCatalog.Load(path));

        Assert.Equal("v2-alpha-tpuv5-lite", Assert.Single(plan.Candidates).RuntimeVersion);
        Assert.Contains(plan.Time!.Assumptions!, said => said.StartsWith(
            "us-west4-a does not list the catalog's image v1-alpha-tpuv5-lite; its nodes get v2-alpha-tpuv5-lite",
            StringComparison.Ordinal));
    }

    /// <summary>Restarts the service with the settings of a project that pays, and plays a scenario there.</summary>
    private async Task PrepareTeamAsync(string scenario)
    {
        await _service.RestartAsync(settings =>
        {
            settings.Artifacts = "gs://team-bucket/workflows";
            settings.WorkerImage = "registry.example/team/worker:1";
            settings.GatewayAddress = new Uri("https://gateway.example");
        });
        using var bucket = new StorageArtifactStore(_storage);
        await bucket.CreateBucketAsync("team-bucket", "team-project", Cancellation);
        _service.Services.GetRequiredService<ITpuEmulator>().Prepare("team-project", scenario);
    }

    private JsonObject Paying()
    {
        var request = _service.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        request["tpu"]!["zones"] = new JsonArray();
        return request;
    }

    private async Task<JsonElement> AskAsync(JsonObject request)
    {
        using var answer = await _service.Http.PostAsJsonAsync("/plan", request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    /// <summary>Makes the plan of a run that pays, as its first activity does.</summary>
    private Task<RunPlan> RunAsync(JsonObject request, PriceCatalog? catalog = null)
    {
        var services = _service.Services;
        catalog ??= services.GetRequiredService<PriceCatalog>();
        var spec = RunRequestReader.Complete(
            RunRequestReader.Parse(request.ToJsonString()), new RunId("pays"), catalog);
        return new PlanActivity(
            catalog, services.GetRequiredService<RunLedger>(),
            services.GetRequiredService<InputWork>(), services.GetRequiredService<RunArtifacts>(),
            services.GetRequiredService<CloudReadiness>(), services.GetRequiredService<IRunPrograms>(),
            memory: services.GetRequiredService<CapacityMemory>()).RunAsync(null!, spec);
    }

    private sealed class Emulated(ITpuCloud cloud) : ITpuCloud
    {
        public Task<TpuConnection> ConnectAsync(
            string project, bool isRehearsal, CancellationToken cancellationToken) =>
            cloud.ConnectAsync(project, isRehearsal: true, cancellationToken);
    }
}
