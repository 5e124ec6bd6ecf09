"""Ask and be asked: the client, the offline inspector and the local server; needs neither TensorFlow nor LightFM."""
