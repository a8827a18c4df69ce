using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.OfficialSdk.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>
/// What the tests of this repository's own SDK use to reach a sidecar, with the official worker and client instead. It
/// lets their files be compiled here unchanged.
/// </summary>
public sealed class SidecarHost(SidecarProgram sidecar) : OfficialTest(sidecar)
{
    public async Task<DurableTaskClient> WithWorkerAsync(Action<DurableTaskRegistry> tasks)
    {
        await WorkAsync(tasks);
        return Client;
    }

    public Task<IAsyncDisposable> AddWorkerAsync(
        Action<DurableTaskRegistry> tasks, Action<IDurableTaskWorkerBuilder>? configure = null) =>
        WorkAsync(tasks, configure);

    public DurableTaskClient CreateClient(Action<IDurableTaskClientBuilder>? configure = null) =>
        base.CreateClient(configure);
}
