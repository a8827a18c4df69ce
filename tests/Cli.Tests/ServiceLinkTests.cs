using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>The command's calls to a service that asks for keys, and its own service in place of one that
/// ended.</summary>
public sealed class ServiceLinkTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("link-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    /// <summary>Each of the calls that may take minutes has a client of its own.</summary>
    [Fact]
    public async Task PatientCalls_ToAServiceThatAsksForKeys_SendTheKey()
    {
        var settings = new ServiceSettings { HttpPort = 0, StateDirectory = _folder.Path };
        settings.Access.Authentication = true;
        var (application, ports) = WorkflowsService.Build([], settings, isEmbedded: true);
        await application.StartOrExplainAsync(ports, settings.StateDirectory, Cancellation);
        await using var stopped = application;
        var (_, key) = await new KeyFile(settings.StateDirectory, TimeProvider.System).MakeAsync(
            "admin", AccessRole.Admin, null, Cancellation);
        await using var link = await ServiceLink.OpenAsync(
            new Uri($"http://127.0.0.1:{ports.Http}"), "nowhere", key, null, Cancellation);

        var purge = await Assert.ThrowsAsync<CommandException>(
            () => link.PurgeAsync("run-nobody", withArtifacts: true, reason: "a test", Cancellation));
        var some = await Assert.ThrowsAsync<CommandException>(
            () => link.PurgeSomeAsync("&status=failed", withArtifacts: true, reason: null, null, Cancellation));
        var plan = await Assert.ThrowsAsync<CommandException>(() => link.PlanAsync("[]", null, Cancellation));

        Assert.Contains("no run 'run-nobody'", purge.Message, StringComparison.Ordinal);
        Assert.Contains("No run is like that", some.Message, StringComparison.Ordinal);
        Assert.Contains("$: ", plan.Message, StringComparison.Ordinal);
        await application.StopAsync(Cancellation);
    }

    /// <summary>A command whose service was another one's starts its own once that has ended, with what its options
    /// ask for.</summary>
    [Fact]
    public async Task Reopen_OnceTheJoinedServiceHasEnded_StartsOneWithTheSettingsOfTheCommand()
    {
        var plugins = new List<string?>();
        var (first, ports) = WorkflowsService.BuildForCommand(_folder.Path, _ => { });
        await using var joined = first;
        await first.StartOrExplainAsync(ports, _folder.Path, Cancellation);
        await using var link = await ServiceLink.OpenAsync(null, _folder.Path, null, Change, Cancellation);
        Assert.False(link.IsInProcess);
        Assert.Empty(plugins);

        await first.StopAsync(Cancellation);
        await first.DisposeAsync();
        var isReopened = await link.ReopenAsync(Cancellation);

        Assert.True(isReopened);
        Assert.True(link.IsInProcess);
        Assert.Equal(["/opt/libtpu.so"], plugins);
        Assert.False(await link.ReopenAsync(Cancellation));

        void Change(ServiceSettings settings)
        {
            settings.PjrtPlugin = "/opt/libtpu.so";
            plugins.Add(settings.PjrtPlugin);
        }
    }
}
