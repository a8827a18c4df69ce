using Google.Cloud.Tpu.V2;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Provisioning;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>
/// A modelled VM with its worker, which speaks the worker's protocol to the real book of jobs: it connects, works step
/// by step, saves checkpoints, and breaks at random.
/// </summary>
internal sealed class ChaosVm
{
    public const int MostBootSeconds = 90, TranslationSteps = 3;

    private readonly ChaosRun _run;
    private readonly Random _random;
    private readonly RunId _creator;
    private RunId _owner;
    private Connection? _connection;
    private Job? _job;
    private JobEnded? _ended;
    private int _step;
    private bool _isSilent;

    public ChaosVm(ChaosRun run, Node node, DateTimeOffset now)
    {
        (_run, _random, Name) = (run, run.Random, new NodeName(node.Name));
        _owner = _creator = new RunId(node.Labels[NodeLabels.Run]);
        NextAt = now.AddSeconds(run.Random.Next(1, MostBootSeconds));
    }

    public NodeName Name { get; }

    /// <summary>Gets the time of the next thing that it does.</summary>
    public DateTimeOffset NextAt { get; private set; }

    private int Checkpoint => _run.Checkpoints.GetValueOrDefault(_owner);

    /// <summary>The service has crashed; the worker connects again after a while.</summary>
    public void Disconnect(DateTimeOffset now)
    {
        _connection = null;
        NextAt = now.AddSeconds(_random.Next(1, 60));
    }

    /// <summary>Does what is due.</summary>
    /// <param name="service">The service; null while it is down.</param>
    /// <param name="now">The current time.</param>
    public async Task StepAsync(ChaosService? service, DateTimeOffset now)
    {
        NextAt = now.AddSeconds(_run.StepSeconds);
        if (_isSilent)
        {
            NextAt = DateTimeOffset.MaxValue;
            return;
        }

        if (_random.NextDouble() < _run.WorkerFaults / 4)
        {
            // The worker's process died or hangs: a new one begins at the newest checkpoint, or nobody does.
            _isSilent = _random.Next(3) == 0;
            if (service is not null && _connection is { } broken)
            {
                service.Jobs.Closed(_owner, Name, broken);
            }

            (_connection, _job, _ended) = (null, null, null);
            NextAt = now.AddSeconds(_random.Next(10, 200));
            return;
        }

        if (service is not null && _connection is null
            && !service.Jobs.IsRevoked(_owner = service.Jobs.OwnerOf(_creator, Name), Name))
        {
            service.Jobs.Found(_owner, Name, "cpu");
            _connection = service.Jobs.Open(_owner, Name);
        }

        if (service is not null && _connection is not null)
        {
            service.Jobs.Heard(_owner, Name);
            Listen(service, _connection, now);
        }

        if (_ended is null)
        {
            Work(service);
        }

        if (_ended is not null && service is not null && _connection is not null)
        {
            await EndAsync(service, _ended);
        }
    }

    private void Listen(ChaosService service, Connection connection, DateTimeOffset now)
    {
        while (connection.Outgoing.TryRead(out var message))
        {
            if (message.Job is { } job && job.JobId != _job?.JobId && _ended?.JobId != job.JobId)
            {
                (_job, _ended) = (job, null);
                _step = job.Train is not null ? Checkpoint : 0;
            }
            else if (message.StopJob is { } stop && stop.JobId == _job?.JobId)
            {
                (_job, _ended) = (null, null);
            }
            else if (message.JobEndedAck is { } ack && ack.JobId == _ended?.JobId)
            {
                (_job, _ended) = (null, null);
            }
        }

        if (connection.Outgoing.Completion.IsCompleted)
        {
            // The node was given back: its worker may do nothing more. Or it is another run's, for which the worker
            // connects again.
            (_connection, _job, _ended) = (null, null, null);
            NextAt = service.Jobs.OwnerOf(_creator, Name) == _owner
                ? DateTimeOffset.MaxValue : now.AddSeconds(_random.Next(1, 5));
        }
    }

    private void Work(ChaosService? service)
    {
        if (_job is null)
        {
            return;
        }

        if (_random.NextDouble() < _run.WorkerFaults / 20)
        {
            _ended = new JobEnded { JobId = _job.JobId, ErrorCode = "DEVICE_LOST", ErrorMessage = "A chip failed." };
            return;
        }

        var steps = _job.Train?.Steps ?? TranslationSteps;
        _step++;
        if (_job.Train is { } train && (_step % train.CheckpointEverySteps == 0 || _step == steps))
        {
            _run.Checkpoints[_owner] = Math.Max(Checkpoint, _step);
        }

        if (service is not null && _connection is not null)
        {
            var isTraining = _job.Train is not null;
            service.Jobs.Report(_owner, Name, new Progress
            {
                JobId = _job.JobId,
                Step = Math.Min(_step, steps),
                Steps = steps,
                Loss = isTraining ? 2.5 - 0.01 * _step : 0,
                Tokens = isTraining ? 100 * _step : 0,
                CheckpointStep = isTraining ? Math.Min(Checkpoint, _step) : 0,
            });
        }

        if (_step < steps)
        {
            return;
        }

        _ended = new JobEnded { JobId = _job.JobId, Succeeded = true };
        if (_job.Translate is { } translate)
        {
            Write(translate);
        }
        else
        {
            _ended.TrainResult = new TrainResult { Steps = steps, FirstLoss = 2.5, FinalLoss = 2, Seconds = 1 };
        }
    }

    private static void Write(TranslateJob job)
    {
        var sentences = File.ReadLines(ArtifactUri.Parse(job.PairsFile).Path).Count();
        foreach (var model in job.Models)
        {
            var isTuned = model.Name == HypothesisFiles.Tuned;
            File.WriteAllLines(
                ArtifactUri.Parse(model.OutputFile).Path,
                Enumerable.Range(1, sentences).Select(each => isTuned ? $"I take bus number {each}." : $"A {each} b."));
        }
    }

    /// <summary>Reports the end; the event that wakes the orchestration may be lost, or come twice.</summary>
    private async Task EndAsync(ChaosService service, JobEnded ended)
    {
        if (service.Jobs.End(_owner, Name, ended.Clone()) is { } replyTo)
        {
            var times = _random.NextDouble() < _run.WorkerFaults ? _random.Next(3) : 1;
            for (var each = 0; each < times; each++)
            {
                await service.RaiseAsync(replyTo, RunEvents.JobEnded, ended.JobId);
            }
        }

        (_job, _ended) = (null, null);
    }
}
