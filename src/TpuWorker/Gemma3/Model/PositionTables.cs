namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>Rotary angles and attention masks, computed once in memory instead of in the graph.</summary>
internal sealed class PositionTables
{
    /// <summary>Added to the score of a masked key, whose probability becomes exactly 0.</summary>
    public const float Hidden = -1e9f;

    private readonly float[] _localFrequencies;
    private readonly float[] _globalFrequencies;
    private readonly int _window;

    public PositionTables(Gemma3Config config)
    {
        _localFrequencies = Frequencies(config.HeadDimension, config.LocalRopeTheta, config.LocalRopeFactor);
        _globalFrequencies = Frequencies(config.HeadDimension, config.GlobalRopeTheta, config.GlobalRopeFactor);
        _window = config.SlidingWindow;
    }

    /// <summary>Returns the angle of each pair of a head at position 1, D/2 of them.</summary>
    public ReadOnlySpan<float> FrequenciesOf(bool isGlobal) => isGlobal ? _globalFrequencies : _localFrequencies;

    /// <summary>Fills in cosines and sines of one position, D/2 of each.</summary>
    public void FillRope(bool isGlobal, int position, Span<float> cosines, Span<float> sines)
    {
        var frequencies = isGlobal ? _globalFrequencies : _localFrequencies;
        for (var i = 0; i < frequencies.Length; i++)
        {
            (sines[i], cosines[i]) = MathF.SinCos(position * frequencies[i]);
        }
    }

    /// <summary>
    /// Returns whether a query attends to a key, both by position: not the future, and in sliding layers not too far
    /// back.
    /// </summary>
    public bool Sees(bool isGlobal, int query, int key) => key <= query && (isGlobal || key > query - _window);

    /// <summary>Fills in the mask [S, S] of texts that begin at position 0.</summary>
    public void FillCausalMask(bool isGlobal, int length, Span<float> mask)
    {
        for (var query = 0; query < length; query++)
        {
            for (var key = 0; key < length; key++)
            {
                mask[(query * length) + key] = Sees(isGlobal, query, key) ? 0 : Hidden;
            }
        }
    }

    /// <summary>Returns theta^(-2i/D), divided by the scaling factor; in single precision as the reference
    /// does.</summary>
    private static float[] Frequencies(int width, double theta, double factor)
    {
        var frequencies = new float[width / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = 1 / MathF.Pow((float)theta, 2f * i / width) / (float)factor;
        }

        return frequencies;
    }
}
