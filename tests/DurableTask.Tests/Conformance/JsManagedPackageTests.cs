using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>
/// Every script once more with the worker and client of the package for the Durable Task Scheduler, unchanged: its
/// headers, its task hub, its connection string. Not the one about hubs by header, which makes headers of its own.
/// </summary>
public sealed class JsManagedPackageTests : JsTest
{
    private protected override JsPackage Package => JsPackages.Managed;

    public static TheoryData<string> Scripts =>
    [
        .. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Js"), "*.js")
            .Select(path => Path.GetFileName(path)!)
            .Where(name => name is not ("harness.js" or "hubs.js" or "restart.js" or "entity-restart.js"))
            .Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Scripts))]
    public Task Script_WithTheManagedPackage_Holds(string script) => RunAsync(script);

    [Theory]
    [InlineData("restart.js")]
    [InlineData("entity-restart.js")]
    public async Task Restart_WithTheManagedPackage_LosesNothing(string name)
    {
        await using JsScript script = await JsScript.StartAsync(name, Sidecar.Address, Package);
        await script.ExpectAsync("ready", Soon);
        await Sidecar.RestartAsync();
        await script.TellAsync("restarted");
        await script.SucceedAsync(Soon);
    }
}
