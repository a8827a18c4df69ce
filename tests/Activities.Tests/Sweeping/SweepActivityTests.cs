using Microsoft.Extensions.Logging;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Sweeping;

/// <summary>When the next look is due, and what the log has.</summary>
public sealed class SweepActivityTests : SweepFolder
{
    private readonly Lines _log = new();
    private readonly SweepProblems _problems = new();

    [Fact]
    public async Task Look_WithNothingLeft_IsDueAgainAfterTheInterval()
    {
        Assert.Equal(new SweepLook(0, 900), await RunAsync());
        Assert.Empty(_log.Written);
    }

    [Fact]
    public async Task Look_AfterADeletion_LooksForItsProofSoonAndThenLessAndLessOften()
    {
        Put();

        var first = await RunAsync();
        Clock.Advance(TimeSpan.FromMinutes(4));
        var second = await RunAsync();
        Clock.Advance(TimeSpan.FromDays(2));
        var late = await RunAsync();
        Cloud.Nodes.Clear();
        var proved = await RunAsync();

        Assert.Equal(
            [new SweepLook(1, 15), new SweepLook(1, 60), new SweepLook(1, 900), new SweepLook(0, 900)],
            [first, second, late, proved]);
        Assert.Equal([4320, 4321], _log.Written.Select(each => each.Id));
    }

    [Fact]
    public async Task Look_OfWhatAPersonMustDecide_IsLoggedOnceAndLeftAlone()
    {
        Put().Labels.Remove(NodeLabelOfService);

        await RunAsync();
        await RunAsync();

        Assert.Equal([4322], _log.Written.Select(each => each.Id));
        Assert.Empty(Cloud.Deleted());
    }

    [Fact]
    public async Task Look_OfAProjectOutOfReach_IsLoggedOnceUntilItIsBack()
    {
        var down = new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "down"));
        Cloud.Broken["projects/p/locations/-"] = down;
        await RunAsync();
        await RunAsync();
        Cloud.Broken.Clear();
        await RunAsync();
        Cloud.Broken["projects/p/locations/-"] = down;
        await RunAsync();

        Assert.Equal([4323, 4323], _log.Written.Select(each => each.Id));
    }

    [Fact]
    public async Task Look_WhereTheSettingsWantNone_DoesNothing()
    {
        Put();

        Assert.Equal(new SweepLook(0, 0), await RunAsync(0));
        Assert.Empty(Cloud.Calls);
    }

    private const string NodeLabelOfService = Workflows.Activities.Provisioning.NodeLabels.Service;

    private Task<SweepLook> RunAsync(double minutes = 15) => new SweepActivity(
        Sweeper(), Record, new SweepSettings(TimeSpan.FromMinutes(minutes)), _problems, Clock, _log)
        .RunAsync(null!, 0);

    private sealed class Lines : ILogger<SweepActivity>
    {
        public List<(int Id, string Text)> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Written.Add((eventId.Id, formatter(state, exception)));
    }
}
