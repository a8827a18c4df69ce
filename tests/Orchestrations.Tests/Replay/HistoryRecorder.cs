using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>Runs the scenarios that have no files yet, and writes their histories.</summary>
public sealed partial class HistoryRecorder
{
    private const string Variable = "WORKFLOWS_RECORD_HISTORIES";

    [Fact]
    public async Task Record_ScenariosWithoutFiles_WritesTheirHistories()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable(Variable) == "1",
            $"{Variable}=1 records the histories of scenarios that have none.");
        var folder = Directory.CreateDirectory(Path.Combine(ProjectFolder(), "Histories")).FullName;
        var missing = Scenarios.All
            .Where(scenario => !Directory.EnumerateFiles(folder, $"{scenario.Name}.*.json").Any()).ToList();

        await Task.WhenAll(missing.Select(scenario => RecordAsync(scenario, folder)));

        Assert.All(missing, scenario => Assert.NotEmpty(Directory.EnumerateFiles(folder, $"{scenario.Name}.*.json")));
    }

    private static async Task RecordAsync(Scenario scenario, string folder)
    {
        var data = Directory.CreateTempSubdirectory("histories-");
        try
        {
            var executions = await RunAsync(scenario, data.FullName);
            foreach (var generations in executions.GroupBy(item => item.Request.InstanceId))
            {
                var number = 0;
                foreach (var (request, response) in generations)
                {
                    var file = $"{generations.Key.Replace(':', '.')}.{++number}.json";
                    await File.WriteAllTextAsync(Path.Combine(folder, file), Text(scenario, request, response));
                }
            }
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    private static async Task<IReadOnlyList<(OrchestratorRequest Request, OrchestratorResponse Response)>> RunAsync(
        Scenario scenario, string data)
    {
        var tap = new EpisodeTap();
        TestHub? hub = null;
        hub = await TestHub.StartAsync(
            data, registry => scenario.Register(registry.AddRunOrchestrations(), () => hub!.Client), tap);
        await using (hub)
        {
            await hub.Client.ScheduleNewOrchestrationInstanceAsync(
                scenario.Orchestrator,
                scenario.Input,
                new StartOrchestrationOptions(scenario.Name) { Version = scenario.Version });
            var end = await hub.Client.WaitForInstanceCompletionAsync(scenario.Name);
            Assert.Equal(OrchestrationRuntimeStatus.Completed, end.RuntimeStatus);
        }

        return tap.Executions();
    }

    /// <summary>Leaves out the parts of one machine or one process, which no orchestrator sees.</summary>
    private static string Text(Scenario scenario, OrchestratorRequest request, OrchestratorResponse response)
    {
        response.CompletionToken = "";
        response.OrchestrationTraceContext = null;
        request.OrchestrationTraceContext = null;
        var started = request.PastEvents.Concat(request.NewEvents).First(item => item.ExecutionStarted is not null);
        var history = new RecordedHistory(
            started.ExecutionStarted.Name,
            scenario.Name,
            JsonParser.Default.Parse<OrchestratorRequest>(Portable(JsonFormatter.Default.Format(request))),
            JsonParser.Default.Parse<OrchestratorResponse>(Portable(JsonFormatter.Default.Format(response))));
        var executions = new List<string>();
        return ExecutionId().Replace(history.Write(), match =>
        {
            if (!executions.Contains(match.Value))
            {
                executions.Add(match.Value);
            }

            return $"execution-{executions.IndexOf(match.Value) + 1}";
        });
    }

    private static string Portable(string json)
    {
        var root = JsonNode.Parse(json);
        Strip(root);
        return root!.ToJsonString();
    }

    private static void Strip(JsonNode? node)
    {
        if (node is JsonObject item)
        {
            item.Remove("stackTrace");
            item.Remove("parentTraceContext");
            foreach (var (_, value) in item)
            {
                Strip(value);
            }
        }
        else if (node is JsonArray items)
        {
            foreach (var value in items)
            {
                Strip(value);
            }
        }
    }

    private static string ProjectFolder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Workflows.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("No folder above has Workflows.sln.");
        }

        return Path.Combine(folder.FullName, "tests", "Orchestrations.Tests");
    }

    [GeneratedRegex("[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex ExecutionId();
}
