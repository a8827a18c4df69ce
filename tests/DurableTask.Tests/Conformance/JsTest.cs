using Workflows.DurableTask.Tests.EndToEnd;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>A sidecar for one script; the package is there before the test's time starts to count.</summary>
public abstract class JsTest : EndToEndTest
{
    protected override async Task<SidecarHost> StartSidecarAsync()
    {
        await JsPackage.PrepareAsync();
        return await base.StartSidecarAsync();
    }

    protected async Task RunAsync(string script)
    {
        await using JsScript running = await JsScript.StartAsync(script, Sidecar.Address);
        await running.SucceedAsync(Soon);
    }
}
