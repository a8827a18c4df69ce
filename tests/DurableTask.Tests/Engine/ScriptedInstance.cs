using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>What the model knows of one instance: three lists, against everything that the engine does.</summary>
internal sealed class ScriptedInstance(string id)
{
    public string Id { get; } = id;

    public string Input { get; private set; } = string.Empty;

    /// <summary>Events that were raised while it was unfinished, in order.</summary>
    public List<string> Events { get; } = [];

    /// <summary>Whether a termination came while it was unfinished; it may have ended by itself before it read
    /// that.</summary>
    public bool IsTerminated { get; set; }

    public bool IsRewound { get; set; }

    public void Begin(string input)
    {
        Input = input;
        Events.Clear();
        IsTerminated = false;
        IsRewound = false;
    }

    /// <summary>It ended as its script ends, or as an operator wanted.</summary>
    public void Check(OrchestrationState state)
    {
        if (state.OrchestrationStatus == OrchestrationStatus.Terminated)
        {
            Assert.True(IsTerminated, $"Nobody terminated '{Id}'.");
            Assert.Equal("stop", state.Output);
            return;
        }

        string input = Input;
        if (state.OrchestrationStatus == OrchestrationStatus.Failed)
        {
            Assert.True(input.Contains('f') || input.Contains('X') || IsTerminated, $"'{Id}' failed: {input}");
            return;
        }

        Assert.Equal(OrchestrationStatus.Completed, state.OrchestrationStatus);
        // What a failed execution had not read is gone with it; a rewound one may have read any, once, in order.
        IReadOnlyList<string> events = IsRewound ? Payloads(state.Output[input.Split('|')[1].Length..]) : Events;
        if (IsRewound)
        {
            Assert.Equal(Events.Where(events.Contains), events);
        }

        Assert.Equal(ScriptWorker.Expected(input, events), state.Output);
    }

    private static List<string> Payloads(string text) =>
        [.. text.Split('[').Skip(1).Select(part => $"[{part.Split(']')[0]}]")];
}
