using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.DurableTask.Sidecar;
using Workflows.DurableTask.Sidecar.Engine;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>An engine without a host, under a clock that only the test moves.</summary>
internal sealed class EngineHarness : IAsyncDisposable
{
    public const string Hub = "hub";

    private readonly string _folder;
    private readonly TaskHubSidecarOptions _options;

    private readonly FaultInjection? _faults;

    public EngineHarness(Action<TaskHubSidecarOptions>? configure = null, FaultInjection? faults = null)
    {
        _faults = faults;
        // Memory, where there is a file system in it: durability is not what these tests are about.
        string root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        _folder = Directory.CreateDirectory(Path.Combine(root, $"engine-{Guid.NewGuid():N}")).FullName;
        _options = new TaskHubSidecarOptions { DataDirectory = _folder };
        configure?.Invoke(_options);
        Engine = Open();
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public TaskHubEngine Engine { get; private set; }

    public async Task RestartAsync()
    {
        await Engine.StopAsync();
        Engine = Open();
    }

    public Task<WorkerSession> ConnectAsync(int limit = 100, bool isEncoded = false) => Engine.Work.ConnectAsync(
        Hub,
        new GetWorkItemsRequest
        {
            MaxConcurrentOrchestrationWorkItems = limit,
            MaxConcurrentActivityWorkItems = limit,
        },
        isEncoded);

    /// <summary>The next item of a worker; a test that waits in vain fails instead of hanging.</summary>
    public static async Task<WorkItem> NextAsync(WorkerSession worker)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        return (await worker.Items.Reader.ReadAsync(deadline.Token)).Item;
    }

    public Task CompleteAsync(WorkItem item, params OrchestratorAction[] actions) =>
        Engine.Work.CompleteEpisodeAsync(Hub, new()
        {
            InstanceId = item.OrchestratorRequest.InstanceId,
            CompletionToken = item.CompletionToken,
            Actions = { actions },
        });

    public Task CompleteEntityAsync(WorkItem item, string? state, params OperationResult[] results) =>
        Engine.Entities.CompleteAsync(Hub, new()
        {
            CompletionToken = item.CompletionToken,
            EntityState = state,
            Results = { results },
        });

    public async Task<OrchestrationState> StateAsync(string id) => (await Engine.GetAsync(
        Hub, new() { InstanceId = id, GetInputsAndOutputs = true })).OrchestrationState;

    /// <summary>Returns when the engine has done all that it was asked before, and what followed from it.</summary>
    public async Task SettleAsync()
    {
        // A read is answered after the commit of what came before it; what follows a commit is asked right behind it.
        for (int round = 0; round < 3; round++)
        {
            await Engine.LiveHistoryAsync(Hub, "-");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private TaskHubEngine Open() => new(
        TaskHubStore.Open(Path.Combine(_folder, "taskhub.db"), NullLogger.Instance, _faults),
        _options,
        Time,
        NullLogger.Instance);
}
