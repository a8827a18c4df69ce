using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Tensors;

/// <summary>One use of one operation: inputs x0, x1, ... of the given shapes, and the node that they go into.</summary>
internal sealed record OpCase(OpCode Op, string Name, Func<Graph, Node[], Node> Build, params Shape[] Shapes)
{
    /// <summary>For each operand that holds indices, how many rows they may name; 0 for numbers.</summary>
    public int[] IndexLimits { get; init; } = [];

    /// <summary>Numbers in 0.5 to 1.5, for logarithms, roots and divisors.</summary>
    public bool IsPositive { get; init; }

    /// <summary>Rounds on the way, so that differences over small steps say nothing.</summary>
    public bool IsRounded { get; init; }

    public override string ToString() => $"{Op} {Name}";

    public (Graph Graph, Node Result, Node[] Inputs) Compile()
    {
        var graph = new Graph();
        var inputs = Shapes.Select((shape, i) =>
            graph.Input($"x{i}", shape, Limit(i) > 0 ? DType.Int32 : DType.Float32)).ToArray();
        return (graph, Build(graph, inputs), inputs);
    }

    public Dictionary<string, HostTensor> RandomInputs(int seed)
    {
        var random = new Random(seed);
        var inputs = new Dictionary<string, HostTensor>();
        for (var i = 0; i < Shapes.Length; i++)
        {
            var count = Shapes[i].Count;
            inputs[$"x{i}"] = Limit(i) > 0
                ? new HostTensor(Shapes[i], [.. Enumerable.Range(0, count).Select(_ => random.Next(Limit(i)))])
                : new HostTensor(Shapes[i], [.. Enumerable.Range(0, count).Select(_ => Number(random))]);
        }

        return inputs;
    }

    private int Limit(int operand) => operand < IndexLimits.Length ? IndexLimits[operand] : 0;

    private float Number(Random random) =>
        (float)(IsPositive ? 0.5 + random.NextDouble() : (random.NextDouble() * 4) - 2);
}
