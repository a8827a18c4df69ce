using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;
using Workflows.TpuWorker.Compile;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// Plans with a compiler: one that works, one that refuses a program for its memory, and files that are no compiler,
/// which the service's own child process loads.
/// </summary>
public sealed class CompiledPlanTests : IAsyncDisposable
{
    private readonly TemporaryFolder _plugins = new("plugins-");
    private RunningService? _service;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }

        _plugins.Dispose();
    }

    [Fact]
    public async Task Plan_WithACompiler_HasItsFiguresAndAsksItOncePerType()
    {
        var plugin = await StartAsync("works", totalGib: 3);

        var plan = await AskAsync();
        var again = await AskAsync();

        var places = plan.GetProperty("places").EnumerateArray().ToList();
        Assert.Equal(["v5litepod-1", "v6e-1"], places.Select(each => Text(each, "acceleratorType")));
        Assert.All(places, each =>
        {
            Assert.Equal(("compiled", "compiled"), (Text(each, "memorySource"), Text(each, "timeSource")));
            Assert.Equal(3, each.GetProperty("leastGib").GetDouble());
            Assert.Contains("as compiled", Text(each, "why"), StringComparison.Ordinal);
        });
        Assert.Equal("tpu 9.9", Text(plan, "compiler"));
        Assert.Equal(
            ["assumed", "compiled", "compiled"],
            plan.GetProperty("estimate").EnumerateArray().Select(each => Text(each, "source")));
        Assert.NotEmpty(plan.GetProperty("assumptions").EnumerateArray());
        Assert.Equal($"{plan}", $"{again}");

        // Three programs for each of the request's two types.
        Assert.Equal(6, File.ReadAllLines($"{plugin}.calls").Length);
    }

    [Fact]
    public async Task Plan_OfProgramsThatTheCompilerFindsTooLarge_LeavesTheTypeOutAndTheRunEndsSo()
    {
        await StartAsync("works", totalGib: 20);

        var plan = await AskAsync();
        var small = await RunAsync(["v5litepod-1"]);
        var both = await RunAsync(["v5litepod-1", "v6e-1"]);

        Assert.Equal(
            [false, true],
            plan.GetProperty("places").EnumerateArray().Select(each => each.GetProperty("isIn").GetBoolean()));
        Assert.Equal("MODEL_TOO_LARGE", small.Fault!.Failure.Code);
        Assert.Contains(
            "v5litepod-1 needs 20.0 GiB a chip as compiled and has 15.8", small.Fault.Failure.Message,
            StringComparison.Ordinal);
        Assert.Equal(["v6e-1"], both.Plan!.Candidates.Select(each => each.AcceleratorType));
        Assert.Equal(EstimateSource.Compiled, both.Plan.Time!.Source);
        Assert.Equal(
            [("v5litepod-1", 20.0, EstimateSource.Compiled), ("v6e-1", 20.0, EstimateSource.Compiled)],
            both.Plan.Memory!.Select(each => (each.AcceleratorType, each.NeededGib!.Value, each.Source)));
    }

    [Fact]
    public async Task Plan_OfProgramsThatTheCompilerRefuses_HasItsWords()
    {
        await StartAsync("refuses", totalGib: 1);

        var plan = await AskAsync();

        Assert.Equal("MODEL_TOO_LARGE", plan.GetProperty("refusal").GetProperty("code").GetString());
        Assert.Contains(
            "Ran out of memory on HBM", plan.GetProperty("refusal").GetProperty("message").GetString(),
            StringComparison.Ordinal);
    }

    /// <summary>The service's own child loads what the setting names, and ends with what that is.</summary>
    [Fact]
    public async Task Plan_WithAFileThatIsNoPlugin_CountsThePrograms_SaysWhyAndLogsItOnce()
    {
        var file = _plugins.Write("libtpu.so", "not a library");
        _service = new RunningService();
        _service.Settings.PjrtPlugin = file;
        await _service.InitializeAsync();

        var plan = await AskAsync();
        var run = await RunAsync(["v5litepod-1", "v6e-1"]);

        Assert.All(plan.GetProperty("places").EnumerateArray(), each =>
            Assert.Equal(("ir", "ir"), (Text(each, "memorySource"), Text(each, "timeSource"))));
        Assert.False(plan.TryGetProperty("compiler", out var compiler) && compiler.ValueKind == JsonValueKind.String);
        Assert.Contains(plan.GetProperty("notes").EnumerateArray(), note =>
            note.GetString()!.StartsWith("Not compiled for v5litepod-1", StringComparison.Ordinal)
            && note.GetString()!.Contains("cannot be loaded as a shared library", StringComparison.Ordinal));
        Assert.Equal(EstimateSource.Ir, run.Plan!.Time!.Source);
        Assert.All(run.Plan.Memory!, each => Assert.Contains("shared library", each.Why, StringComparison.Ordinal));
        var lines = LogLines(Path.Combine(_service.Settings.StateDirectory, "service.log"));
        Assert.Single(lines, line => line.Contains("Plans count the programs of runs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Plan_OfARehearsal_AsksNoCompiler()
    {
        var plugin = await StartAsync("works", totalGib: 3);

        using var answer = await _service!.Http.PostAsJsonAsync("/plan", _service.Request(), Cancellation);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.False(File.Exists($"{plugin}.calls"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1441)]
    [InlineData(double.NaN)]
    public void Build_WithMinutesThatCannotBe_NamesTheSetting(double minutes)
    {
        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = _plugins["state"], HttpPort = 0, CompileMinutes = minutes }));

        Assert.Contains("Workflows:CompileMinutes", fault.Message, StringComparison.Ordinal);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static string[] LogLines(string path)
    {
        // The service still has the file open.
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Split('\n');
    }

    private async Task<string> StartAsync(string name, double totalGib)
    {
        var bytes = (long)(totalGib * (1L << 30));
        var plugin = _plugins.Write($"{name}.so", $$"""
            {"Arguments": 100, "Temporaries": 50, "Outputs": 100, "Aliased": 90, "Code": 5, "Total": {{bytes}}}
            """);
        _service = new RunningService
        {
            Change = services => services.AddSingleton(new CompiledSteps(new CompiledStepsOptions
            {
                Child =
                [
                    Path.Combine(
                        AppContext.BaseDirectory,
                        $"Workflows.TestKit.Pjrt.Child{(OperatingSystem.IsWindows() ? ".exe" : "")}"),
                ],
                Folder = _plugins["kept"],
                Plugin = plugin,
            })),
        };
        await _service.InitializeAsync();
        return plugin;
    }

    private JsonObject Request(string[] types)
    {
        var request = _service!.Request();
        request.Remove("rehearsal");
        request["project"] = "team-project";
        request["tpu"]!["acceleratorTypes"] = new JsonArray([.. types.Select(type => (JsonNode)type)]);
        request["tpu"]!["zones"] = new JsonArray("us-west4-a");
        return request;
    }

    private async Task<JsonElement> AskAsync()
    {
        using var answer = await _service!.Http.PostAsJsonAsync(
            "/plan", Request(["v5litepod-1", "v6e-1"]), Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    /// <summary>Makes the plan of a run that pays, as its first activity does, without checks of the cloud.</summary>
    private async Task<(RunPlan? Plan, RunFaultException? Fault)> RunAsync(string[] types)
    {
        var services = _service!.Services;
        var spec = RunRequestReader.Complete(
            RunRequestReader.Parse(Request(types).ToJsonString()), new RunId($"run-{Guid.NewGuid():N}"),
            services.GetRequiredService<PriceCatalog>());
        var activity = new PlanActivity(
            services.GetRequiredService<PriceCatalog>(), services.GetRequiredService<RunLedger>(),
            services.GetRequiredService<InputWork>(), programs: services.GetRequiredService<IRunPrograms>());
        try
        {
            return (await activity.RunAsync(null!, spec), null);
        }
        catch (RunFaultException fault)
        {
            return (null, fault);
        }
    }
}
