using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;
using Workflows.OfficialSdk.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>The base of the tests of this repository's own SDK that are compiled here unchanged.</summary>
public abstract class EndToEndTest : IAsyncLifetime
{
    private readonly CancellationTokenSource _deadline = new();

    protected CancellationToken Soon => _deadline.Token;

    protected SidecarHost Sidecar { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Sidecar = new SidecarHost((await TestContext.Current.GetFixture<SharedSidecar>())!);
        await Sidecar.InitializeAsync();
        _deadline.CancelAfter(TimeSpan.FromMinutes(2));
    }

    public async ValueTask DisposeAsync()
    {
        await Sidecar.DisposeAsync();
        _deadline.Dispose();
        GC.SuppressFinalize(this);
    }

    protected async Task<OrchestrationMetadata> RunAsync(
        Action<DurableTaskRegistry> tasks, TaskName name, object? input = null)
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks);
        return await RunAsync(client, name, input);
    }

    protected async Task<OrchestrationMetadata> RunAsync(DurableTaskClient client, TaskName name, object? input = null)
    {
        string id = await client.ScheduleNewOrchestrationInstanceAsync(name, input, Soon);
        return await client.WaitForInstanceCompletionAsync(id, true, Soon);
    }

    protected async Task<OrchestrationMetadata> WaitForAsync(
        DurableTaskClient client, string id, Func<OrchestrationMetadata, bool> condition)
    {
        while (true)
        {
            OrchestrationMetadata? state = await client.GetInstanceAsync(id, true, Soon);
            if (state is not null && condition(state))
            {
                return state;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), Soon);
        }
    }
}
