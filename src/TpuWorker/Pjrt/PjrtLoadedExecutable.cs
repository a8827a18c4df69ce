using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>A compiled program on a client's devices, ready to run.</summary>
public sealed unsafe class PjrtLoadedExecutable : IDisposable
{
    private readonly PjrtHandle _handle;

    /// <summary>Takes ownership of an executable.</summary>
    internal PjrtLoadedExecutable(PjrtClient client, nint address)
    {
        Client = client;
        _handle = new PjrtHandle(client.Plugin.Api, address, PjrtFunction.LoadedExecutableDestroy, client.Handle);
        try
        {
            var arguments = ArgumentBlock.Create();
            _handle.Call(PjrtFunction.LoadedExecutableGetExecutable, ref arguments);
            Executable = new PjrtExecutable(client.Plugin.Api, arguments.Get<nint>(24), _handle);
            OutputCount = Executable.OutputCount;
            arguments = ArgumentBlock.Create();
            _handle.Call(PjrtFunction.LoadedExecutableAddressableDevices, ref arguments);
            Devices = [.. arguments.Array<nint>(24, 32).Select(client.DeviceAt)];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gets the client.</summary>
    public PjrtClient Client { get; }

    /// <summary>Gets statistics, outputs and serialization; disposed with this object.</summary>
    public PjrtExecutable Executable { get; }

    /// <summary>Gets the number of outputs on each device.</summary>
    public int OutputCount { get; }

    /// <summary>Gets the devices of this process on which the program runs; none if it is portable.</summary>
    public IReadOnlyList<PjrtDevice> Devices { get; }

    /// <summary>Runs the program on one device.</summary>
    /// <param name="arguments">The arguments of <c>main</c> in their order. Donated ones are deleted.</param>
    /// <param name="options">The arguments that are not to be donated, and the device of a portable program.</param>
    /// <returns>The outputs, which may not be filled yet.</returns>
    /// <exception cref="ArgumentException">The program runs on another number of devices.</exception>
    /// <exception cref="PjrtException">An argument is wrong or deleted, or there is no memory left.</exception>
    public PjrtExecution Execute(IReadOnlyList<PjrtBuffer> arguments, PjrtExecuteOptions? options = null) =>
        ExecuteOnAll([arguments], options);

    /// <summary>Runs the program on all its devices of this process.</summary>
    /// <param name="arguments">
    /// For each of <see cref="Devices"/> the arguments of <c>main</c> in their order. Donated ones are deleted.
    /// </param>
    /// <param name="options">The arguments that are not to be donated, and the device of a portable program.</param>
    /// <returns>The outputs, which may not be filled yet.</returns>
    /// <exception cref="ArgumentException">
    /// The program runs on another number of devices, or the devices have different numbers of arguments.
    /// </exception>
    /// <exception cref="PjrtException">An argument is wrong or deleted, or there is no memory left.</exception>
    public PjrtExecution ExecuteOnAll(
        IReadOnlyList<IReadOnlyList<PjrtBuffer>> arguments, PjrtExecuteOptions? options = null)
    {
        options ??= new PjrtExecuteOptions();
        Check(arguments, options);
        using var arena = new NativeArena();
        var uses = new List<PjrtHandle.Lease>();
        try
        {
            var inputs = (nint*)arena.Allocate<nint>(arguments.Count);
            var outputs = (nint*)arena.Allocate<nint>(arguments.Count);
            var events = (nint*)arena.Allocate<nint>(arguments.Count);
            for (var device = 0; device < arguments.Count; device++)
            {
                var list = arguments[device];
                inputs[device] = arena.Allocate<nint>(list.Count);
                outputs[device] = arena.Allocate<nint>(OutputCount);
                for (var index = 0; index < list.Count; index++)
                {
                    var use = list[index].Handle.Use();
                    uses.Add(use);
                    ((nint*)inputs[device])[index] = use.Address;
                }
            }

            var block = ArgumentBlock.Create();
            block.Set(24, OptionBlock(options, arena));
            block.Set(32, (nint)inputs);
            block.Set(40, (nuint)arguments.Count);
            block.Set(48, (nuint)arguments[0].Count);
            block.Set(56, (nint)outputs);
            block.Set(64, (nint)events);
            block.Set(72, options.Device?.Address ?? 0);
            _handle.Call(PjrtFunction.LoadedExecutableExecute, ref block);
            return Collect(arguments.Count, outputs, events);
        }
        finally
        {
            uses.ForEach(use => use.Dispose());
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Executable?.Dispose();
        _handle.Dispose();
    }

    private static nint OptionBlock(PjrtExecuteOptions options, NativeArena arena)
    {
        var block = ArgumentBlock.Create();
        block.Set(48, options.LaunchId);
        block.Set(56, arena.Copy<long>([.. options.NotDonated.Select(index => (long)index)]));
        block.Set(64, (nuint)options.NotDonated.Count);
        return arena.Copy<ArgumentBlock>([block]);
    }

    private PjrtExecution Collect(int devices, nint* outputs, nint* events)
    {
        var lists = new List<IReadOnlyList<PjrtBuffer>>(devices);
        var completions = new List<Task>(devices);
        for (var device = 0; device < devices; device++)
        {
            var addresses = new ReadOnlySpan<nint>((void*)outputs[device], OutputCount).ToArray();
            lists.Add([.. addresses.Select(address => new PjrtBuffer(Client, address))]);
            completions.Add(
                PjrtEvents.WaitAsync(Client.Handle, events[device], PjrtFunction.LoadedExecutableExecute));
        }

        return new PjrtExecution(lists, Task.WhenAll(completions));
    }

    private void Check(IReadOnlyList<IReadOnlyList<PjrtBuffer>> arguments, PjrtExecuteOptions options)
    {
        var wanted = options.Device is null ? Devices.Count : 1;
        if (arguments.Count != wanted || wanted == 0)
        {
            throw new ArgumentException(
                wanted == 0
                    ? "The program is portable: name a device in the options."
                    : $"Arguments for {arguments.Count} devices were given, wanted {wanted}: one list for each device.",
                nameof(arguments));
        }

        if (arguments.Any(list => list.Count != arguments[0].Count))
        {
            throw new ArgumentException("The devices have different numbers of arguments.", nameof(arguments));
        }

        if (arguments.SelectMany(list => list).Any(buffer => buffer.Client != Client))
        {
            throw new ArgumentException("An argument belongs to another client.", nameof(arguments));
        }
    }
}
