using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

public sealed class SweepOrchestrationTests
{
    private readonly FakeContext _context = new();

    [Fact]
    public async Task Sweep_AfterALook_WaitsAsLongAsTheLookSaysAndGoesOnInANewGeneration()
    {
        _context.Answer = (_, _) => new SweepLook(0, 900);
        var began = _context.CurrentUtcDateTime;

        await RunAsync(7);

        Assert.Equal([(Stages.Sweep, (object?)7)], _context.Calls);
        Assert.Equal(8, _context.NextGeneration);
        Assert.Equal(TimeSpan.FromMinutes(15), _context.CurrentUtcDateTime - began);
        Assert.Equal([new SweepLook(0, 900)], _context.Statuses);
    }

    [Fact]
    public async Task Sweep_WokenDuringItsLook_LooksAgainAtOnce()
    {
        _context.Answer = (_, _) =>
        {
            _context.Raise(RunEvents.Wake, "the service has started");
            return new SweepLook(3, 900);
        };
        var began = _context.CurrentUtcDateTime;

        await RunAsync(0);

        Assert.Equal(1, _context.NextGeneration);
        Assert.Equal(TimeSpan.Zero, _context.CurrentUtcDateTime - began);
    }

    [Fact]
    public async Task Sweep_WhoseLookBreaks_GoesOnAfterAPause()
    {
        _context.Answer = (name, _) => throw new TaskFailedException(
            name, 0, new RunFaultException("INTERNAL", "The disk is full.", "Make room."));
        var began = _context.CurrentUtcDateTime;

        await RunAsync(0);

        Assert.Equal(1, _context.NextGeneration);
        Assert.Equal(TimeSpan.FromMinutes(5), _context.CurrentUtcDateTime - began);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public async Task Sweep_ThatTheSettingsEnd_Ends(double next)
    {
        _context.Answer = (_, _) => new SweepLook(0, next);

        Assert.Equal(5, await RunAsync(4));

        Assert.Null(_context.NextGeneration);
    }

    private Task<int> RunAsync(int looks) => new SweepOrchestration().RunAsync(_context, looks);
}
