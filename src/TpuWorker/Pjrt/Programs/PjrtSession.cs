using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>
/// The states of a program on its device, such as weights and moments: each step takes their memory and leaves their
/// updates in it. They come to the host only when they are asked for.
/// </summary>
/// <remarks>
/// Not thread-safe. A step cannot be broken off or done again: its states are gone when it starts. After a step that
/// failed the states are lost, and must be set anew.
/// </remarks>
public sealed class PjrtSession : IDisposable
{
    private readonly PjrtProgram _program;
    private readonly Dictionary<string, PjrtBuffer> _states = new(StringComparer.Ordinal);

    /// <summary>Starts without any state set.</summary>
    /// <param name="program">The program, which must outlive the session.</param>
    public PjrtSession(PjrtProgram program)
    {
        _program = program;
        StateNames = [.. program.Module.Arguments.Where(IsState).Select(argument => argument.Name)];
    }

    /// <summary>Gets the names of the states that have an update.</summary>
    public IReadOnlyList<string> StateNames { get; }

    /// <summary>Gets the bytes of the states on the device, with their padding.</summary>
    public long StateBytes => _states.Values.Sum(buffer => buffer.OnDeviceBytes);

    /// <summary>Puts a state on the device in place of the old one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <exception cref="TensorShapeException">There is no such state, or it has another type or shape.</exception>
    /// <exception cref="PjrtException">The plugin refuses, for want of memory for example.</exception>
    public void SetState(string name, HostTensor value)
    {
        var argument = _program.StateOf(name);

        // The old one goes first: two copies of a large state need not fit.
        if (_states.Remove(name, out var old))
        {
            old.Dispose();
        }

        _states.Add(name, _program.Upload(argument, value));
    }

    /// <summary>Copies a state to the host.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its value after the last step.</returns>
    /// <exception cref="TensorShapeException">There is no such state.</exception>
    /// <exception cref="InvalidOperationException">It is not set, or was lost in a step that failed.</exception>
    /// <exception cref="PjrtException">The step that makes it failed.</exception>
    public HostTensor GetState(string name) => PjrtProgram.Download(_program.StateOf(name), Buffer(name));

    /// <summary>Runs the program once and replaces the states by their updates.</summary>
    /// <param name="inputs">A tensor for each argument that is no state, by its name; more are ignored.</param>
    /// <returns>A tensor for each output that is no state's update, by its name.</returns>
    /// <exception cref="TensorShapeException">An input is missing, or has another type or shape.</exception>
    /// <exception cref="InvalidOperationException">A state is not set, or was lost in a step that failed.</exception>
    /// <exception cref="PjrtException">The plugin refuses, or the work failed: the states are lost.</exception>
    public Dictionary<string, HostTensor> Step(IReadOnlyDictionary<string, HostTensor> inputs)
    {
        var module = _program.Module;
        var uploaded = new List<PjrtBuffer>();
        PjrtExecution? execution = null;
        var isDone = false;
        try
        {
            var arguments = new List<PjrtBuffer>(module.Arguments.Count);
            foreach (var argument in module.Arguments)
            {
                if (!IsState(argument))
                {
                    uploaded.Add(_program.Upload(argument, PjrtProgram.Given(inputs, argument.Name)));
                }

                arguments.Add(IsState(argument) ? Buffer(argument.Name) : uploaded[^1]);
            }

            execution = _program.Executable.Execute(arguments);
            var results = Read(execution.Outputs[0]);
            execution.Completed.GetAwaiter().GetResult();
            Replace(execution.Outputs[0]);
            isDone = true;
            return results;
        }
        finally
        {
            uploaded.ForEach(buffer => buffer.Dispose());
            if (!isDone)
            {
                execution?.Dispose();
                ForgetLost();
            }
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var buffer in _states.Values)
        {
            buffer.Dispose();
        }

        _states.Clear();
    }

    private static bool IsState(StableHloValue argument) => argument.Alias is not null;

    private PjrtBuffer Buffer(string name) => _states.TryGetValue(name, out var buffer)
        ? buffer
        : throw new InvalidOperationException($"The state '{name}' is not set: set it first, and after a failed step.");

    /// <summary>Copies what is no state to the host.</summary>
    private Dictionary<string, HostTensor> Read(IReadOnlyList<PjrtBuffer> outputs)
    {
        var results = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        for (var index = 0; index < outputs.Count; index++)
        {
            var output = _program.Module.Outputs[index];
            if (!IsState(output))
            {
                results.Add(output.Name, PjrtProgram.Download(output, outputs[index]));
                outputs[index].Dispose();
            }
        }

        return results;
    }

    private void Replace(IReadOnlyList<PjrtBuffer> outputs)
    {
        for (var index = 0; index < outputs.Count; index++)
        {
            if (_program.Module.Outputs[index].Alias is { } argument)
            {
                var name = _program.Module.Arguments[argument].Name;
                _states[name].Dispose();
                _states[name] = outputs[index];
            }
        }
    }

    /// <summary>Lets go of states whose memory a failed step has taken; a refused one has taken none.</summary>
    private void ForgetLost()
    {
        foreach (var (name, buffer) in _states.Where(state => state.Value.IsDeleted).ToList())
        {
            buffer.Dispose();
            _states.Remove(name);
        }
    }
}
