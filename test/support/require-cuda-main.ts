/** Ends with code 1 and says what is missing where ONNX Runtime cannot use a GPU of this machine. */
import { InferenceSession } from 'onnxruntime-node';
import { localDevices } from '../../cli/local/devices.ts';
import { runtimeErrorText } from '../../runtime/onnx/runtime-error-text.ts';
import { identityModel } from './models.ts';

const refuse = (message: string): never => {
  console.error(message);
  process.exit(1);
};

const devices = await localDevices(process.env);
if (devices['nvidia.com/gpu'] === undefined)
  refuse('This machine has no NVIDIA GPU: nvidia-smi lists none. These tests run only where there is one.');
try {
  await InferenceSession.create(identityModel('FLOAT'), { executionProviders: ['cuda'] });
} catch (error) {
  const cure = 'Where the provider or a library is missing, CONTRIBUTING.md says how to get them.';
  refuse(`ONNX Runtime cannot use CUDA: ${runtimeErrorText(error)}\n${cure}`);
}
