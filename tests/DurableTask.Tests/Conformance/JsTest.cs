using Workflows.DurableTask.Tests.EndToEnd;
using Workflows.DurableTask.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>A sidecar for one script; the package is there before the test's time starts to count.</summary>
public abstract class JsTest : EndToEndTest
{
    private protected virtual JsPackage Package => JsPackages.Plain;

    protected override async Task<SidecarHost> StartSidecarAsync()
    {
        await Package.PrepareAsync();
        return await base.StartSidecarAsync();
    }

    protected async Task RunAsync(string script)
    {
        await using JsScript running = await JsScript.StartAsync(script, Sidecar.Address, Package);
        await running.SucceedAsync(Soon);
    }
}
