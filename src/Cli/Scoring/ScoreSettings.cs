using Workflows.Translation.Metrics;

namespace Workflows.Cli.Scoring;

/// <summary>Settings from the command line of "workflows score".</summary>
internal sealed record ScoreSettings
{
    public required IReadOnlyList<string> References { get; init; }

    /// <summary>Gets the files with outputs; if empty, standard input is read.</summary>
    public IReadOnlyList<string> Inputs { get; init; } = [];

    /// <summary>Gets "bleu", "chrf" and "ter", as given.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = ["bleu"];

    public BleuOptions Bleu { get; init; } = new();

    public ChrfOptions Chrf { get; init; } = new();

    public TerOptions Ter { get; init; } = new();

    public bool IsSentenceLevel { get; init; }

    /// <summary>Gets the resamples of the confidence interval; 0 or 1 for none.</summary>
    public int ConfidenceSamples { get; init; }

    public PairedTest? Test { get; init; }

    public int TestSamples { get; init; }

    public int Width { get; init; } = 1;

    public bool IsJson { get; init; } = true;

    public bool IsScoreOnly { get; init; }

    public bool IsShort { get; init; }

    /// <summary>Gets the value of SACREBLEU_SEED.</summary>
    public string Seed { get; init; } = "12345";
}
