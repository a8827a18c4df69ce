using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>
/// A compiled pass over whole texts that begin at position 0, with its inputs bound: tokens to fill, and position
/// tables filled once. Masks are causal, so rows must be padded on the right; with row masks several texts share a row.
/// </summary>
internal sealed class BoundPass : IDisposable
{
    private readonly Gemma3Config _config;
    private readonly PositionTables _tables;
    private readonly (bool IsGlobal, HostTensor Mask, HostTensor Cosines, HostTensor Sines)[] _kinds;

    public BoundPass(
        OnnxProgram program, GraphSize size, Gemma3Config config, IReadOnlyDictionary<string, HostTensor> parameters)
    {
        (Program, Size, _config, _tables) = (program, size, config, new PositionTables(config));
        foreach (var (name, tensor) in parameters)
        {
            program.BindInput(name, tensor);
        }

        var tokens = HostTensor.Zeros(DType.Int32, new Shape(size.Batch * size.Length));
        Tokens = tokens.Ints;
        program.BindInput(GraphInputs.Tokens, tokens);
        _kinds =
        [
            Bind(false, GraphInputs.LocalMask, GraphInputs.LocalCosines, GraphInputs.LocalSines),
            Bind(true, GraphInputs.GlobalMask, GraphInputs.GlobalCosines, GraphInputs.GlobalSines),
        ];
        FillTables();
    }

    public OnnxProgram Program { get; }

    public GraphSize Size { get; }

    /// <summary>[B*S], row after row.</summary>
    public int[] Tokens { get; }

    /// <summary>
    /// Places texts in a row that has its own mask: texts of these lengths one after the other, each with positions
    /// from 0 and attending only to itself. Each remaining position attends only to itself.
    /// </summary>
    public void PlaceTexts(int row, IReadOnlyList<int> lengths)
    {
        var (half, length) = (_config.HeadDimension / 2, Size.Length);
        foreach (var (isGlobal, mask, cosines, sines) in _kinds)
        {
            var visible = mask.Floats.AsSpan(row * length * length, length * length);
            visible.Fill(PositionTables.Hidden);
            var begin = 0;
            foreach (var text in lengths.Concat(Enumerable.Repeat(1, length - lengths.Sum())))
            {
                for (var query = 0; query < text; query++)
                {
                    var at = (row * length) + begin + query;
                    _tables.FillRope(
                        isGlobal, query, cosines.Floats.AsSpan(at * half, half), sines.Floats.AsSpan(at * half, half));
                    for (var key = 0; key <= query; key++)
                    {
                        if (_tables.Sees(isGlobal, query, key))
                        {
                            visible[((begin + query) * length) + begin + key] = 0;
                        }
                    }
                }

                begin += text;
            }
        }
    }

    public void Dispose() => Program.Dispose();

    private (bool IsGlobal, HostTensor Mask, HostTensor Cosines, HostTensor Sines) Bind(
        bool isGlobal, string mask, string cosines, string sines)
    {
        HostTensor Bound(string name, Shape shape)
        {
            var tensor = HostTensor.Zeros(DType.Float32, shape);
            Program.BindInput(name, tensor);
            return tensor;
        }

        return (isGlobal, Bound(mask, Size.MaskShape), Bound(cosines, Size.RopeShape(_config)),
            Bound(sines, Size.RopeShape(_config)));
    }

    private void FillTables()
    {
        if (Size.HasRowMasks)
        {
            for (var row = 0; row < Size.Batch; row++)
            {
                PlaceTexts(row, [Size.Length]);
            }

            return;
        }

        var half = _config.HeadDimension / 2;
        foreach (var (isGlobal, mask, cosines, sines) in _kinds)
        {
            _tables.FillCausalMask(isGlobal, Size.Length, mask.Floats);
            for (var row = 0; row < Size.Batch * Size.Length; row++)
            {
                _tables.FillRope(
                    isGlobal, row % Size.Length,
                    cosines.Floats.AsSpan(row * half, half), sines.Floats.AsSpan(row * half, half));
            }
        }
    }
}
