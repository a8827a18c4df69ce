using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

public sealed class TeardownOrchestrationTests
{
    private readonly FakeContext _context = new();
    private readonly Queue<IReadOnlyList<NodeRelease>> _answers = new();
    private IReadOnlyList<NodeRelease> _last = [];

    public TeardownOrchestrationTests() =>
        _context.Answer = (_, _) => _answers.Count > 0 ? _last = _answers.Dequeue() : _last;

    [Fact]
    public async Task Teardown_OfARunWithoutNodes_EndsAtOnce()
    {
        Assert.Equal(0, await RunAsync());

        Assert.Single(_context.Calls);
        Assert.Null(_context.NextGeneration);
    }

    [Fact]
    public async Task Teardown_OfNodesThatGoAway_LooksUntilEachIsProvedGone()
    {
        _answers.Enqueue([Node("a", false), Node("b", false)]);
        _answers.Enqueue([Node("a", true), Node("b", false)]);
        _answers.Enqueue([Node("a", true), Node("b", true)]);
        var began = _context.CurrentUtcDateTime;

        var gone = await RunAsync();

        Assert.Equal((2, 3), (gone, _context.Calls.Count));
        Assert.Equal(2 * Given.Spec.Pace.PollSeconds, (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    [Fact]
    public async Task Teardown_ThatFindsAStrayInALaterLook_WaitsForItToo()
    {
        _answers.Enqueue([Node("a", false)]);
        _answers.Enqueue([Node("a", true), Node("stray", false)]);
        _answers.Enqueue([Node("a", true), Node("stray", true)]);

        Assert.Equal(2, await RunAsync());
    }

    [Fact]
    public async Task Teardown_OfADeleteThatHangs_GoesOnInANewGenerationAndNeverGivesUp()
    {
        _last = [Node("a", false)];
        var began = _context.CurrentUtcDateTime;

        await RunAsync();

        Assert.Equal(Given.Spec, _context.NextGeneration);
        Assert.Equal(40, _context.Calls.Count);

        // 10 s between looks, one more poll for every five of them.
        Assert.Equal(
            Enumerable.Range(0, 40).Sum(look => 10.0 * (1 + look / 5)),
            (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    /// <summary>After hours of tries, or without credentials: what may be there costs money.</summary>
    [Fact]
    public async Task Teardown_ThatCannotReachTheCloud_PausesAndGoesOn()
    {
        _context.Answer = (name, _) => throw new TaskFailedException(
            name, 0, new RunFaultException("CREDENTIALS_MISSING", "There are none.", "Log in."));
        var began = _context.CurrentUtcDateTime;

        await RunAsync();

        Assert.Equal(Given.Spec, _context.NextGeneration);
        Assert.Equal(TimeSpan.FromMinutes(5), _context.CurrentUtcDateTime - began);
    }

    [Fact]
    public async Task Teardown_OfASlowPace_LooksAtLeastEveryFiveMinutes()
    {
        _last = [Node("a", false)];
        var began = _context.CurrentUtcDateTime;
        var spec = Given.Spec with { Pace = Given.Spec.Pace with { PollSeconds = 1000 } };

        await new TeardownOrchestration().RunAsync(_context, spec);

        Assert.Equal(40 * 300, (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    [Fact]
    public async Task Teardown_WhoseApiFails_IsRetriedForHours()
    {
        await RunAsync();

        var policy = Assert.Single(_context.Options)?.Retry?.Policy;
        Assert.Equal((100, TimeSpan.FromMinutes(5)), (policy?.MaxNumberOfAttempts, policy?.MaxRetryInterval));
    }

    private Task<int> RunAsync() => new TeardownOrchestration().RunAsync(_context, Given.Spec);

    private static NodeRelease Node(string id, bool isGone) =>
        new(Given.Node("us-a1-a", id), isGone ? "NOT_FOUND" : "Deleting", isGone);
}
