using System.Text.Json.Serialization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>A job's end, as the ledger stores it.</summary>
/// <param name="End">The end.</param>
/// <param name="Train">The result of a training; null for other jobs.</param>
public sealed record EndFact(JobEnd End, TrainFact? Train)
{
    /// <summary>The programs of the job's device; null if it compiles nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public CompileFact? Compile { get; init; }

    /// <summary>The translations that the job's VM made; null for none, and in older ledgers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<DecodedFact>? Decoded { get; init; }

    /// <summary>The bytes that the job moved; null for none, and in older ledgers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public MovedFact? Moved { get; init; }
}

/// <summary>What a job has moved between its VM and buckets, as its worker reported it.</summary>
/// <param name="BytesRead">Bytes read.</param>
/// <param name="BytesWritten">Bytes written.</param>
public sealed record MovedFact(long BytesRead, long BytesWritten)
{
    /// <summary>Gets the sum.</summary>
    [JsonIgnore]
    public long Bytes => BytesRead + BytesWritten;

    /// <summary>Creates the fact.</summary>
    /// <param name="read">Bytes read.</param>
    /// <param name="written">Bytes written.</param>
    /// <returns>null for no bytes.</returns>
    public static MovedFact? Of(long read, long written) =>
        read > 0 || written > 0 ? new MovedFact(read, written) : null;
}

/// <summary>One model's translations of the test set.</summary>
/// <param name="Model">base or tuned.</param>
/// <param name="Direction">ko-en or en-ko.</param>
/// <param name="Seconds">Decoding, without loading the model and without compiling.</param>
/// <param name="Texts">Source texts.</param>
/// <param name="Characters">Unicode code points of the source texts.</param>
public sealed record DecodedFact(string Model, string Direction, double Seconds, int Texts, long Characters);

/// <summary>Programs that a job's VM compiled or loaded.</summary>
/// <param name="Seconds">Time spent on them, part of the job's.</param>
/// <param name="Compiled">Programs compiled.</param>
/// <param name="Loaded">Programs that another VM or an earlier job had compiled.</param>
public sealed record CompileFact(double Seconds, int Compiled, int Loaded);

/// <summary>The result of a training.</summary>
/// <param name="Steps">Optimizer steps in all.</param>
/// <param name="ResumedFromStep">Step of the checkpoint that the last worker began from.</param>
/// <param name="Tokens">Tokens trained on, over all workers.</param>
/// <param name="TokensPerSecond">Rate on the last worker.</param>
/// <param name="FirstLoss">Loss of the first step.</param>
/// <param name="FinalLoss">Mean loss of the last steps.</param>
/// <param name="Seconds">Time of the last worker.</param>
/// <param name="TooLong">Examples left out for their length.</param>
public sealed record TrainFact(
    int Steps, int ResumedFromStep, long Tokens, double TokensPerSecond, double FirstLoss, double FinalLoss,
    double Seconds, int TooLong)
{
    /// <summary>full or lora.</summary>
    public string Method { get; init; } = "full";

    /// <summary>Weights that were trained.</summary>
    public long TrainedParameters { get; init; }

    /// <summary>Pairs of one pass, fewer than requested if memory ran out.</summary>
    public int MicroBatchSize { get; init; }

    /// <summary>The step whose weights are the tuned model.</summary>
    public int OutputStep { get; init; }

    /// <summary>Gets a value indicating whether the validation ended the training before its last step.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Gets a value indicating whether a person ended the training before its last step.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool FinishedEarly { get; init; }

    /// <summary>Metric of the validation, loss or chrf; empty without one.</summary>
    public string Metric { get; init; } = "";

    /// <summary>The best validation score; null without a validation.</summary>
    public double? BestScore { get; init; }

    /// <summary>The step of the best validation.</summary>
    public int BestStep { get; init; }

    /// <summary>Validation examples, or pairs for chrF, left out for their length.</summary>
    public int ValidationTooLong { get; init; }
}
