using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>
/// A compiled pass over whole texts that begin at position 0, with its inputs bound: tokens to fill, and the position
/// tables filled once. Masks are causal, so rows must be padded on the right.
/// </summary>
internal sealed class BoundPass : IDisposable
{
    public BoundPass(
        OnnxProgram program, GraphSize size, Gemma3Config config, IReadOnlyDictionary<string, HostTensor> parameters)
    {
        (Program, Size) = (program, size);
        foreach (var (name, tensor) in parameters)
        {
            program.BindInput(name, tensor);
        }

        var tokens = HostTensor.Zeros(DType.Int32, new Shape(size.Batch * size.Length));
        Tokens = tokens.Ints;
        program.BindInput(GraphInputs.Tokens, tokens);
        BindTables(new PositionTables(config), config);
    }

    public OnnxProgram Program { get; }

    public GraphSize Size { get; }

    /// <summary>[B*S], row after row.</summary>
    public int[] Tokens { get; }

    public void Dispose() => Program.Dispose();

    private void BindTables(PositionTables tables, Gemma3Config config)
    {
        foreach (var isGlobal in (bool[])[false, true])
        {
            var mask = HostTensor.Zeros(DType.Float32, Size.MaskShape);
            tables.FillCausalMask(isGlobal, Size.Length, mask.Floats);
            Program.BindInput(isGlobal ? GraphInputs.GlobalMask : GraphInputs.LocalMask, mask);

            var cosines = HostTensor.Zeros(DType.Float32, Size.RopeShape(config));
            var sines = HostTensor.Zeros(DType.Float32, Size.RopeShape(config));
            var half = config.HeadDimension / 2;
            for (var row = 0; row < Size.Batch * Size.Length; row++)
            {
                tables.FillRope(
                    isGlobal, row % Size.Length,
                    cosines.Floats.AsSpan(row * half, half), sines.Floats.AsSpan(row * half, half));
            }

            Program.BindInput(isGlobal ? GraphInputs.GlobalCosines : GraphInputs.LocalCosines, cosines);
            Program.BindInput(isGlobal ? GraphInputs.GlobalSines : GraphInputs.LocalSines, sines);
        }
    }
}
