using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Tests.Core;

public sealed class EntityStateTests
{
    private long _sequence;

    [Theory]
    [InlineData("@Counter@Key@x", "@counter@Key@x")]
    [InlineData("@c@", "@c@")]
    [InlineData("@@key", null)]
    [InlineData("@name", null)]
    [InlineData("name@key", null)]
    [InlineData("", null)]
    public void Normalize_Text_LowersTheNameOnly(string text, string? expected) =>
        Assert.Equal(expected, EntityId.Normalize(text));

    [Fact]
    public void NextBatch_Operations_AreInOrderUpToTheLimits()
    {
        var state = new EntityState();
        Add(state, "1", "2", "3");

        Assert.Equal(["1", "2"], Names(state.NextBatch(2, 1000)));
        Assert.Equal(["1"], Names(state.NextBatch(100, 1)));
        Assert.Equal(["1", "2", "3"], Names(state.NextBatch(100, 1000)));
    }

    [Fact]
    public void NextBatch_WhileABatchRuns_IsEmpty()
    {
        var state = new EntityState { IsRunning = true };
        Add(state, "1");

        Assert.Empty(state.NextBatch(100, 1000));
    }

    [Fact]
    public void NextBatch_StopsBeforeALockRequest()
    {
        var state = new EntityState();
        Add(state, "1");
        AddLock(state, "other");
        Add(state, "2");

        Assert.Equal(["1"], Names(state.NextBatch(100, 1000)));
        Assert.Null(state.LockAtHead());
        state.Remove(state.Queue.First());
        Assert.Empty(state.NextBatch(100, 1000));
        Assert.NotNull(state.LockAtHead());
    }

    [Fact]
    public void NextBatch_Locked_RunsTheHoldersCallsOnly()
    {
        var state = new EntityState { Holder = Who("holder") };
        Add(state, "waits");
        state.Add(new QueuedMessage(++_sequence, new EntityMessage { Operation = "held", Front = true }));

        Assert.Equal(["held"], Names(state.NextBatch(100, 1000)));
        Assert.True(state.IsHeldBy("holder", "execution"));
        Assert.False(state.IsHeldBy("holder", "another execution"));
    }

    [Fact]
    public void LockAtHead_ACallMadeBeforeTheRelease_GoesFirst()
    {
        var state = new EntityState();
        AddLock(state, "next");
        state.Add(new QueuedMessage(++_sequence, new EntityMessage { Operation = "held", Front = true }));

        Assert.Null(state.LockAtHead());
        Assert.Equal(["held"], Names(state.NextBatch(100, 1000)));
    }

    [Fact]
    public void IsEmpty_ScheduledSignalAlone_KeepsTheEntity()
    {
        var state = new EntityState();
        Assert.True(state.IsEmpty);

        state.Add(new QueuedMessage(1, new EntityMessage { Operation = "later", Due = new() { Seconds = 1 } }));

        Assert.False(state.IsEmpty);
        Assert.Empty(state.NextBatch(100, 1000));
        state.Remove(state.Scheduled.First());
        Assert.True(state.IsEmpty);
    }

    private void Add(EntityState state, params string[] operations)
    {
        foreach (string operation in operations)
        {
            state.Add(new QueuedMessage(++_sequence, new EntityMessage { Operation = operation }));
        }
    }

    private void AddLock(EntityState state, string who) => state.Add(new QueuedMessage(
        ++_sequence, new EntityMessage { Caller = Who(who), LockSet = { "@a@a" } }));

    private static EntityHolder Who(string id) => new() { InstanceId = id, ExecutionId = "execution" };

    private static IEnumerable<string> Names(IReadOnlyList<QueuedMessage> batch) =>
        batch.Select(item => item.Message.Operation);
}
