using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>
/// Runs a program on tensors that stay on its device: each step reuses the memory of the states, such as weights and
/// moments, for their updates.
/// </summary>
/// <remarks>
/// Not thread-safe. A step cannot be interrupted or repeated: its states are gone when it starts. After a failed step
/// the states are lost, and must be set again.
/// </remarks>
public sealed class PjrtSession : IDisposable
{
    private readonly PjrtProgram _program;
    private readonly bool _ownsTensors;

    /// <summary>Creates a session with tensors of its own, none of them set.</summary>
    /// <param name="program">The program, which must outlive the session.</param>
    public PjrtSession(PjrtProgram program)
        : this(program, new PjrtTensors(program.Executable.Client)) => _ownsTensors = true;

    /// <summary>Creates a session with tensors that other programs use too.</summary>
    /// <param name="program">The program, which must outlive the session.</param>
    /// <param name="tensors">States, and inputs that stay from step to step, by name; owned by the caller.</param>
    public PjrtSession(PjrtProgram program, PjrtTensors tensors)
    {
        (_program, Tensors) = (program, tensors);
        StateNames = [.. program.Module.Arguments.Where(IsState).Select(argument => argument.Name)];
    }

    /// <summary>Gets the tensors.</summary>
    public PjrtTensors Tensors { get; }

    /// <summary>Gets the names of the states that have an update.</summary>
    public IReadOnlyList<string> StateNames { get; }

    /// <summary>Gets a value indicating whether every state is set, and none was lost in a failed step.</summary>
    public bool IsReady => StateNames.All(Tensors.Contains);

    /// <summary>Gets the bytes of the tensors on the device, with their padding.</summary>
    public long StateBytes => Tensors.Bytes;

    /// <summary>Copies a state to the device in place of the old one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <exception cref="TensorShapeException">There is no such state, or it has another type or shape.</exception>
    /// <exception cref="PjrtException">The plugin refuses, for example for lack of memory.</exception>
    public void SetState(string name, HostTensor value)
    {
        PjrtProgram.Require(_program.StateOf(name), value);
        Tensors.Set(name, value);
    }

    /// <summary>Copies a state to the host.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its value after the last step.</returns>
    /// <exception cref="TensorShapeException">There is no such state.</exception>
    /// <exception cref="InvalidOperationException">It is not set, or was lost in a failed step.</exception>
    /// <exception cref="PjrtException">The step that computes it failed.</exception>
    public HostTensor GetState(string name) => Tensors.Get(_program.StateOf(name).Name);

    /// <summary>Runs the program once and replaces the states by their updates.</summary>
    /// <param name="inputs">
    /// A tensor for each argument that is no state and not among the tensors on the device, by its name; others are
    /// ignored.
    /// </param>
    /// <param name="kept">Outputs that stay on the device as tensors with their names; null for none.</param>
    /// <returns>A tensor for each output that is no state's update and is not kept, by its name.</returns>
    /// <exception cref="TensorShapeException">An input is missing, or has another type or shape.</exception>
    /// <exception cref="InvalidOperationException">A state is not set, or was lost in a failed step.</exception>
    /// <exception cref="PjrtException">The plugin refuses, or the work failed: the states are lost.</exception>
    public Dictionary<string, HostTensor> Step(
        IReadOnlyDictionary<string, HostTensor> inputs, IReadOnlySet<string>? kept = null)
    {
        var uploaded = new List<PjrtBuffer>();
        PjrtExecution? execution = null;
        var isDone = false;
        try
        {
            var arguments = _program.Module.Arguments
                .Select(argument => BuffersOf(argument, inputs, uploaded)).ToList();
            execution = _program.Executable.ExecuteOnAll(
                [.. Devices().Select(device => arguments.ConvertAll(buffers => buffers[device]))]);
            var results = Read(execution.Outputs, kept);
            execution.Completed.GetAwaiter().GetResult();
            Keep(execution.Outputs, kept);
            isDone = true;
            return results;
        }
        finally
        {
            uploaded.ForEach(buffer => buffer.Dispose());
            if (!isDone)
            {
                execution?.Dispose();
                Tensors.ForgetLost();
            }
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (_ownsTensors)
        {
            Tensors.Dispose();
        }
    }

    private static bool IsState(StableHloValue argument) => argument.Alias is not null;

    private IEnumerable<int> Devices() => Enumerable.Range(0, _program.Module.Devices);

    private IReadOnlyList<PjrtBuffer> BuffersOf(
        StableHloValue argument, IReadOnlyDictionary<string, HostTensor> inputs, List<PjrtBuffer> uploaded)
    {
        if (IsState(argument) || (!inputs.ContainsKey(argument.Name) && Tensors.Contains(argument.Name)))
        {
            return Tensors.BuffersOf(argument);
        }

        var buffers = _program.Upload(argument, PjrtProgram.Given(inputs, argument.Name));
        uploaded.AddRange(buffers);
        return buffers;
    }

    /// <summary>Copies the outputs that do not stay on the devices to the host.</summary>
    private Dictionary<string, HostTensor> Read(
        IReadOnlyList<IReadOnlyList<PjrtBuffer>> outputs, IReadOnlySet<string>? kept)
    {
        var results = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        for (var index = 0; index < _program.Module.Outputs.Count; index++)
        {
            var output = _program.Module.Outputs[index];
            if (!IsState(output) && kept?.Contains(output.Name) != true)
            {
                PjrtBuffer[] parts = [.. outputs.Select(device => device[index])];
                results.Add(output.Name, PjrtTensors.Download(output.DType, output.Shape, output.SplitAxis, parts));
                Array.ForEach(parts, part => part.Dispose());
            }
        }

        return results;
    }

    private void Keep(IReadOnlyList<IReadOnlyList<PjrtBuffer>> outputs, IReadOnlySet<string>? kept)
    {
        for (var index = 0; index < _program.Module.Outputs.Count; index++)
        {
            var output = _program.Module.Outputs[index];
            if (output.Alias is null && kept?.Contains(output.Name) != true)
            {
                continue;
            }

            var name = output.Alias is { } argument ? _program.Module.Arguments[argument].Name : output.Name;
            Tensors.Take(name, output, [.. outputs.Select(device => device[index])]);
        }
    }
}
