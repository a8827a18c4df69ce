using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Host;

/// <summary>Computes figures over several steps, since those of one step vary too much.</summary>
internal sealed class TrainingMeter(TimeProvider clock)
{
    private const int RecentSteps = 10;
    private readonly Queue<double> _recent = new();
    private long _firstAt;
    private long _firstTokens;
    private long _lastAt;
    private long _lastTokens;

    /// <summary>Gets the rate since the first step of this worker; 0 before there are two.</summary>
    public double TokensPerSecond => _lastAt > _firstAt
        ? (_lastTokens - _firstTokens) / clock.GetElapsedTime(_firstAt, _lastAt).TotalSeconds
        : 0;

    /// <summary>Gets the mean loss of the last steps of this worker.</summary>
    public double? RecentLoss => _recent.Count == 0 ? null : _recent.Average();

    public void Count(TrainingProgress step)
    {
        (_lastAt, _lastTokens) = (clock.GetTimestamp(), step.Tokens);
        if (_firstAt == 0)
        {
            (_firstAt, _firstTokens) = (_lastAt, _lastTokens);
        }

        _recent.Enqueue(step.Loss);
        if (_recent.Count > RecentSteps)
        {
            _recent.Dequeue();
        }
    }
}
