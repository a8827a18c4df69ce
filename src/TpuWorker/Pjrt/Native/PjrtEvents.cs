using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>Converts events of the plugin to tasks.</summary>
internal static class PjrtEvents
{
    /// <summary>Blocks until an event has happened, and destroys it.</summary>
    /// <param name="owner">The object of the event.</param>
    /// <param name="address">The event; null for one that has happened.</param>
    /// <exception cref="PjrtException">The work failed.</exception>
    public static void Wait(PjrtHandle owner, nint address)
    {
        if (address == 0)
        {
            return;
        }

        using var handle = new PjrtHandle(owner.Api, address, PjrtFunction.EventDestroy, owner);
        var arguments = ArgumentBlock.Create();
        handle.Call(PjrtFunction.EventAwait, ref arguments);
    }

    /// <summary>Waits for an event asynchronously, and destroys it.</summary>
    /// <param name="owner">The object of the event.</param>
    /// <param name="address">The event; null for one that has happened.</param>
    /// <param name="operation">The call that returned it, for messages.</param>
    /// <returns>
    /// A task that completes when the event has happened; fails with a <see cref="PjrtException"/> if the work failed.
    /// </returns>
    public static async Task WaitAsync(PjrtHandle owner, nint address, PjrtFunction operation)
    {
        if (address == 0)
        {
            return;
        }

        using var handle = new PjrtHandle(owner.Api, address, PjrtFunction.EventDestroy, owner);
        await Happened(handle, operation).ConfigureAwait(false);
    }

    private static unsafe Task Happened(PjrtHandle handle, PjrtFunction operation)
    {
        var waiting = new Waiting(handle.Api, operation.ToString());
        var self = GCHandle.Alloc(waiting);
        var arguments = ArgumentBlock.Create();
        arguments.Set(24, (nint)(delegate* unmanaged[Cdecl]<nint, nint, void>)&OnReady);
        arguments.Set(32, GCHandle.ToIntPtr(self));
        try
        {
            handle.Call(PjrtFunction.EventOnReady, ref arguments);
        }
        catch
        {
            self.Free();
            throw;
        }

        return waiting.Source.Task;
    }

    // Runs on a thread of the plugin and owns the error. No exception may leave it.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnReady(nint error, nint argument)
    {
        var self = GCHandle.FromIntPtr(argument);
        var waiting = (Waiting)self.Target!;
        self.Free();
        if (error == 0)
        {
            waiting.Source.SetResult();
        }
        else
        {
            waiting.Source.SetException(waiting.Api.TakeError(waiting.Operation, error));
        }
    }

    private sealed class Waiting(PjrtApi api, string operation)
    {
        public PjrtApi Api { get; } = api;

        public string Operation { get; } = operation;

        public TaskCompletionSource Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
